"""A message: escaped, one line where one line is due, and refused by itself where it cannot be."""

import html
import json
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention_ml.actions.catalogue.action import Action
from retention_ml.actions.catalogue.message import CHARACTERS_MAX, SAMPLE, Message, Renderer
from retention_ml.actions.catalogue.variables import LENGTH_MAX, Product, Recipient, clean
from retention_ml.errors import MessageRefused
from tests.actions.catalogue.conftest import HTML, TEXT

NUMBER = "ab" * 32
MAIL = Action(
    action_id="reminder", version_sha256="", title="A reminder", kind="email", channel="email",
    template="reminder", subject="News from {{ favourite_category | default('us') }}",
    unsubscribe_url="https://shop.test/stop?m={message_id}",
)  # fmt: skip
TEMPLATES = {"reminder.txt": TEXT, "reminder.html": HTML}
RENDERER = Renderer(TEMPLATES, currency="EUR", minor_units=100)


def _render(recipient: Recipient, action: Action = MAIL) -> Message:
    return RENDERER.render(action, recipient, NUMBER)


def _named(name: str) -> Recipient:
    return replace(
        SAMPLE,
        favourite_category=name,
        products=(Product(product_id=name, name=name, category=name),),
    )


def test_html_in_a_name_is_escaped_and_the_text_stays_as_it_is() -> None:
    name = '<img src=x onerror="alert(1)">&"\'>'
    message = _render(_named(name))
    assert message.html is not None
    assert "<img" not in message.html
    assert html.escape(name, quote=True).split("&quot;")[0] in message.html
    assert 'title="&lt;img' in message.html
    assert name in str(message.text)


def test_a_line_break_in_a_value_adds_no_header() -> None:
    message = _render(_named("Tea\r\nBcc: all@shop.test\u2028X: y\x85Z: z\x0b\x00"))
    assert message.subject == "News from Tea Bcc: all@shop.test X: y Z: z"
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = message.subject
    assert mail["Bcc"] is None


def test_a_huge_value_is_cut_and_the_message_goes_on() -> None:
    message = _render(_named("long " * 1_000_000))
    assert len(str(message.subject)) <= LENGTH_MAX
    assert "…" in str(message.subject)
    assert len(str(message.html)) < 6 * LENGTH_MAX


def test_letters_of_all_scripts_stay() -> None:
    name = "Čaj ☕ 紅茶 شاي café 👩‍👩‍👧"
    message = _render(_named(name))
    for part in (message.subject, message.text, message.html):
        assert name in str(part)
    assert json.loads(json.dumps(message.payload()))["subject"].endswith(name)


def test_characters_that_turn_the_direction_of_writing_are_left_out() -> None:
    assert clean("abc\u202egnp.exe\u2066\u200f") == "abcgnp.exe"
    assert clean("half \ud83d character") == "half character"


def test_a_missing_value_is_left_out_where_the_template_says_so() -> None:
    message = _render(Recipient(tier="low"))
    assert message.subject == "News from us"
    assert "it has been a while" not in str(message.text)
    assert "None" not in str(message.text) + str(message.html)


def test_a_missing_value_that_is_printed_refuses_the_message_with_its_line() -> None:
    text = "Hello\n\n{{ favourite_category }}"
    renderer = Renderer({"reminder.txt": text}, currency="EUR", minor_units=100)
    sparse = replace(SAMPLE, favourite_category=None)
    words = "this customer has no favourite_category"
    with pytest.raises(MessageRefused, match=rf"reminder.txt, line 3: {words}"):
        renderer.render(MAIL, sparse, NUMBER)
    assert renderer.render(MAIL, SAMPLE, NUMBER).text == f"Hello\n\n{SAMPLE.favourite_category}"
    subject = MAIL.model_copy(update={"subject": "{{ favourite_category }}"})
    with pytest.raises(MessageRefused, match=f"subject, line 1: {words}"):
        _render(sparse, subject)


def test_the_number_of_the_message_is_in_its_unsubscribe_address() -> None:
    message = _render(SAMPLE)
    assert message.unsubscribe_url == f"https://shop.test/stop?m={NUMBER}"
    assert str(message.unsubscribe_url) in str(message.text)
    assert str(message.unsubscribe_url) in str(message.html)


def test_a_customer_is_told_nothing_of_tier_reason_and_value_and_a_crm_is() -> None:
    assert set(_render(SAMPLE).payload()) == {"subject", "text", "html", "unsubscribe_url"}
    for_crm = MAIL.model_copy(update={"channel": "webhook"})
    variables: Any = _render(SAMPLE, for_crm).payload()["variables"]
    assert variables["expected_value"] == "42.50"
    assert variables["tier"] == "high"
    assert variables["last_order_on"] == "2026-01-04"


@pytest.mark.parametrize("name", ["tier", "reason", "expected_value"])
def test_a_template_that_nobody_checked_cannot_tell_them_either(name: str) -> None:
    text = f"{{% set {name} = {name} | default('a secret') %}}{{{{ {name} }}}}"
    renderer = Renderer({"reminder.txt": text}, currency="EUR", minor_units=100)
    assert renderer.render(MAIL, SAMPLE, NUMBER).text == "a secret"
    for_crm = MAIL.model_copy(update={"channel": "webhook"})
    assert renderer.render(for_crm, SAMPLE, NUMBER).text != "a secret"
    push = for_crm.model_copy(update={"kind": "push"})
    assert renderer.render(push, SAMPLE, NUMBER).text == "a secret"


@pytest.mark.parametrize(("minor_units", "value"), [(1, "4250"), (100, "42.50"), (1_000, "4.250")])
def test_money_has_the_places_of_its_currency(minor_units: int, value: str) -> None:
    action = MAIL.model_copy(update={"channel": "file"})
    renderer = Renderer(TEMPLATES, currency="EUR", minor_units=minor_units)
    variables: Any = renderer.render(action, SAMPLE, NUMBER).payload()["variables"]
    assert variables["expected_value"] == value


def test_a_coupon_without_a_code_and_a_recommendation_of_nothing_are_refused() -> None:
    coupon = MAIL.model_copy(update={"kind": "coupon"})
    assert _render(SAMPLE, coupon).payload()["coupon_code"] == SAMPLE.coupon_code
    with pytest.raises(MessageRefused, match="no code was given"):
        _render(replace(SAMPLE, coupon_code=None), coupon)
    recommendation = MAIL.model_copy(update={"kind": "recommendation"})
    with pytest.raises(MessageRefused, match="there is none for this customer"):
        _render(replace(SAMPLE, products=()), recommendation)


def test_a_message_that_becomes_too_long_is_refused() -> None:
    text = "{% for p in products %}" + 60_000 * "x" + "{% endfor %}"
    renderer = Renderer({"reminder.txt": text}, currency="EUR", minor_units=100)
    with pytest.raises(MessageRefused, match=f"longer than {CHARACTERS_MAX:,} characters"):
        renderer.render(MAIL, SAMPLE, NUMBER)


@settings(max_examples=60, deadline=None)
@given(name=st.text(max_size=80), category=st.none() | st.text(max_size=400))
def test_no_value_opens_a_tag_leaves_a_quote_or_breaks_the_subject(
    name: str, category: str | None
) -> None:
    recipient = replace(
        SAMPLE, favourite_category=category,
        products=(Product(product_id=name, name=name, category=category),),
    )  # fmt: skip
    message = _render(recipient)
    assert message.html is not None
    plain = _render(_named("x")).html
    assert plain is not None
    for sign in '<>"':
        assert message.html.count(sign) == plain.count(sign)
    assert len(str(message.subject).splitlines()) == 1
    json.dumps(message.payload()).encode("utf-8")
    for part in message.payload().values():
        assert "\0" not in part
        part.encode("utf-8")
