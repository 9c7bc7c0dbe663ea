"""Action files: what loads, and what is refused with file, line, key and the nearest word."""

from pathlib import Path
from typing import get_args

import pytest

from retention_ml.actions.catalogue.action import LifecycleStage, Tier
from retention_ml.actions.catalogue.loading import load_actions, read_actions, remarks
from retention_ml.errors import SettingsError
from retention_ml.profiles.stages import STAGES
from retention_ml.scores.tiers import TIERS
from retention_ml.settings import PROJECT
from tests.actions.catalogue.conftest import COUPON, MAIL

SHIPPED = {"app_reminder", "come_back", "crm_list", "products_for_you", "ten_percent"}


def test_the_shipped_actions_are_these() -> None:
    catalogue = load_actions(PROJECT / "actions")
    assert set(catalogue.contacts) == SHIPPED
    assert {action.kind for action in catalogue.actions.values()} == {
        "none", "email", "push", "coupon", "recommendation",
    }  # fmt: skip


def test_the_stages_are_those_of_the_profiles_of_who_ordered() -> None:
    assert get_args(LifecycleStage) == STAGES[1:]
    assert STAGES[0] == "visitor"


def test_the_tiers_are_those_of_the_scores() -> None:
    assert get_args(Tier) == TIERS


def test_leaving_alone_is_always_there_and_costs_nothing(folder: Path) -> None:
    (folder / "reminder.toml").unlink()
    catalogue = load_actions(folder)
    assert list(catalogue.actions) == ["none"]
    none = catalogue.action("none")
    assert (none.kind, none.channel, none.cost_cents(100)) == ("none", None, 0)
    assert not none.rule.needs_permission


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "email"', 'kind = "emial"', "line 2: kind: 'emial' is not understood; expected"),
        ('kind = "email"', 'kind = "emial"', "Did you mean 'email'?"),
        ('kind = "email"', 'kind = "none"', "line 2: kind: 'none' is not understood"),
        ('channel = "email"', 'channel = "sms"', "line 3: channel: 'sms' is not understood"),
        ('["high", "critical"]', '["high", "critcal"]', "line 11: rule.tiers.2: 'critcal'"),
        ('["high", "critical"]', '["high", "critcal"]', "Did you mean 'critical'?"),
        ('["high", "critical"]', "[]", "line 11: rule.tiers: [] is too short"),
        ('["high", "critical"]', '["high"]\nstages = ["sliping"]', "line 12: rule.stages.1: 'sliping'"),
        ("cost = 0.02", "price = 0.02", "line 7: price: unknown key 'price'; expected one of"),
        ("cost = 0.02", "cost = -1", "line 7: cost: -1 is out of range; expected at least 0"),
        ("cost = 0.02", "cost = nan", "line 7: cost: nan is not understood; expected a number"),
        ("cost = 0.02", "cost = inf", "expected a number"),
        ("cost = 0.02", 'cost = "2 ct"', "line 7: cost: '2 ct' is not understood"),
        ("cost = 0.02", "cost = true", "line 7: cost: true is not understood; expected a number"),
        ("effect_days = 28", "effect_days = 0", "line 8: effect_days: 0 is out of range"),
        ("effect_days = 28", "effect_days = 2.5", "line 8: effect_days: 2.5 is not understood"),
        ("value_min = 10.0", "value_min = -1.0", "line 12: rule.value_min: -1.0 is out of range"),
        ("value_min", "value_mn", "line 12: rule.value_mn: unknown key 'value_mn'; expected"),
        ("value_min", "value_mn", "Did you mean 'value_min'?"),
        ("[rule]", "[rules]", "line 10: rules: unknown key 'rules'"),
        ('"reminder"', '"remindr"', "line 4: template: there is no templates/remindr.txt"),
        ('"reminder"', '"remindr"', "Did you mean 'reminder'?"),
        ('"reminder"', '"../reminder"', "line 4: template: '../reminder' is no name of a file"),
        ('template = "reminder"\n', "", "needs the key 'template'"),
        ('"News', '"{{ teir }}', "line 5: subject: 'teir' is no variable; expected one of"),
        ('"News', '"{{ tier }}', "line 5: subject: 'tier' is for a CRM"),
        ('"News', '"News\\r\\nBcc: all@shop.test', "is no subject; expected one line"),
        ("https://shop.test", "http://shop.test", "line 6: unsubscribe_url: 'http://shop.test"),
        ("{message_id}", "{customer_id}", "line 6: unsubscribe_url: 'https://shop.test"),
        ("{message_id}", "{message_id", "is no address; expected https://"),
        ('unsubscribe_url = "https://shop.test/stop?m={message_id}"\n', "", "'unsubscribe_url'"),
        ("needs_permission = true", "needs_permission = false", "line 13: rule.needs_permission"),
        ('"marketing"', '"Marketing!"', "line 14: rule.purpose: 'Marketing!' is no purpose"),
        ("cost = 0.02", 'coupons = "spring"', "line 7: coupons: codes are given by kind"),
        ('kind = "email"', 'kind = "push"', "a push goes through a webhook, not through 'email'"),
        ('kind = "email"', 'kind = "coupon"', "a coupon needs the key 'coupons'"),
        ("title", 'action_id = "x"\ntitle', "line 1, sets `action_id`; an action is called like"),
        ("title = ", "title ", "reminder.toml is no valid TOML"),
        ('"A reminder"', '"A\\u0000"', "line 1: title: there is a NUL character"),
        ('"A reminder"', "[1]", "line 1: title: [1] is not understood; expected a text in quotes"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_line(folder: Path, old: str, new: str, words: str) -> None:
    path = folder / "reminder.toml"
    assert old in MAIL
    path.write_text(MAIL.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        load_actions(folder)
    assert words in str(refusal.value)
    assert "reminder.toml" in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("txt", "last_order_on }}", "last_ordr_on }}", "reminder.txt, line 3: 'last_ordr_on' is no"),
        ("txt", "last_order_on }}", "last_ordr_on }}", "Did you mean 'last_order_on'?"),
        ("txt", "last_order_on }}", "reason }}", "line 3: 'reason' is for a CRM"),
        ("txt", "product.name", "product.nam", "line 6: a product has no 'nam'; expected one of"),
        ("txt", "product.name", "product.name | uper", "'uper' is no filter; expected one of"),
        ("txt", "{% endif %}", "{% endfi %}", "line 4: 'endfi' is no statement"),
        ("txt", "{% endif %}", "", "reminder.txt, line"),
        ("txt", "Stop: {{ unsubscribe_url }}", "", "needs {{ unsubscribe_url }} in it"),
        ("txt", "Hello", "{{ favourite_category }}", "line 1: this customer has no favourite_"),
        ("txt", "Hello", "{{ products[0].name }}", "line 1: list object has no element 0"),
        ("txt", "Hello", "\x1b[2J", "line 1: there is the control character '\\x1b'"),
        ("html", 'href="{{ unsubscribe_url }}"', "href={{ unsubscribe_url }}", "needs quotes"),
        ("html", "https://shop.test/{{ product", "{{ product", "a link must begin with its address"),
        ("html", "<p>", "<script>", "line 1: scripts, forms and frames are not allowed"),
        ("html", "<p>", "{% autoescape false %}<p>{% endautoescape %}", "autoescape is not allowed"),
        ("html", "product.name }}", "product.name | safe }}", "line 3: 'safe' is no filter"),
        ("html", "{{ unsubscribe_url }}", "https://shop.test/stop", "needs {{ unsubscribe_url }}"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_template_is_refused_with_its_line(
    folder: Path, name: str, old: str, new: str, words: str
) -> None:
    path = folder / "templates" / f"reminder.{name}"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        load_actions(folder)
    assert words in str(refusal.value)


def test_every_file_with_a_mistake_is_named_and_the_others_are_read(folder: Path) -> None:
    (folder / "first.toml").write_text(MAIL.replace("cost", "price"), encoding="utf-8")
    (folder / "second.toml").write_text("title = 1", encoding="utf-8")
    (folder / "No Name.toml").write_text(MAIL, encoding="utf-8")
    (folder / "none.toml").write_text(MAIL, encoding="utf-8")
    catalogue, mistakes = read_actions(folder)
    assert set(catalogue.contacts) == {"reminder"}
    assert [sentence.partition(" ")[0] for sentence in mistakes] == [
        "No", "first.toml,", "none.toml", "second.toml,",
    ]  # fmt: skip
    with pytest.raises(SettingsError, match="3 more: `retention actions check`"):
        load_actions(folder)


def test_a_file_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "templates" / "reminder.txt").write_bytes(b"Hello\n\xff\xfe")
    with pytest.raises(SettingsError, match=r"reminder.txt, line 2, is no text: it is not written"):
        load_actions(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="RETENTION_ACTIONS_FOLDER"):
        load_actions(tmp_path / "nowhere")


def test_a_coupon_names_its_code_and_needs_a_discount(folder: Path) -> None:
    path = folder / "reminder.toml"
    path.write_text(COUPON, encoding="utf-8")
    assert load_actions(folder).action("reminder").coupons == "spring"
    path.write_text(COUPON.replace("discount_share = 0.10\n", ""), encoding="utf-8")
    with pytest.raises(SettingsError, match="a coupon needs the key 'discount_share'"):
        load_actions(folder)
    path.write_text(COUPON, encoding="utf-8")
    text = folder / "templates" / "reminder.txt"
    text.write_text("Stop: {{ unsubscribe_url }}", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"reminder.txt: .* needs \{\{ coupon_code \}\}"):
        load_actions(folder)


def test_a_push_has_no_html(folder: Path) -> None:
    push = MAIL.replace('"email"\nchannel = "email"', '"push"\nchannel = "webhook"')
    (folder / "reminder.toml").write_text(push, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"line 4: template: a push has no HTML"):
        load_actions(folder)
    (folder / "templates" / "reminder.html").unlink()
    assert load_actions(folder).action("reminder").permission_channel == "push"


def test_a_crm_may_know_tier_reason_and_value(folder: Path) -> None:
    internal = '{{ tier }} {{ reason | default("") }} {{ expected_value | default("") }}'
    (folder / "templates" / "reminder.txt").write_text(internal, encoding="utf-8")
    export = MAIL.replace('channel = "email"', 'channel = "file"')
    (folder / "reminder.toml").write_text(export, encoding="utf-8")
    assert load_actions(folder).action("reminder").channel == "file"


def test_remarks_name_what_is_no_mistake(folder: Path) -> None:
    (folder / "reminder.toml").write_text(
        COUPON.replace("shop.test", "shop.example"), encoding="utf-8"
    )
    (folder / "templates" / "old.txt").write_text("Hello", encoding="utf-8")
    text = "\n".join(remarks(load_actions(folder), folder))
    assert "no codes in coupons/spring.txt" in text
    assert "unsubscribe_url is still the example's" in text
    assert "templates/old.txt is used by no action" in text


def test_more_actions_than_a_decision_can_weigh_are_refused(folder: Path) -> None:
    text = (folder / "reminder.toml").read_text()
    for number in range(24):
        (folder / f"another_{number}.toml").write_text(text)
    assert len(load_actions(folder).contacts) == 25
    (folder / "too_many.toml").write_text(text)
    with pytest.raises(SettingsError, match="26 action files; expected at most 25"):
        load_actions(folder)
