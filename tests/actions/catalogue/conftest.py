"""A small folder of actions, to be changed by each test."""

from pathlib import Path

import pytest

MAIL = """title = "A reminder"
kind = "email"
channel = "email"
template = "reminder"
subject = "News from {{ favourite_category | default('us') }}"
unsubscribe_url = "https://shop.test/stop?m={message_id}"
cost = 0.02
effect_days = 28

[rule]
tiers = ["high", "critical"]
value_min = 10.0
needs_permission = true
purpose = "marketing"
"""
COUPON = MAIL.replace('"email"\nchannel', '"coupon"\nchannel').replace(
    "cost =", 'coupons = "spring"\ndiscount_share = 0.10\ncost ='
)
TEXT = """Hello,
{% if last_order_on %}
it has been a while since {{ last_order_on }}.
{% endif %}
{% for product in products[:3] %}
- {{ product.name }}
{% endfor %}
{{ coupon_code | default("") }}
Stop: {{ unsubscribe_url }}
"""
HTML = """<p>Hello,</p>
{% for product in products[:3] %}
<a href="https://shop.test/{{ product.product_id | urlencode }}">{{ product.name }}</a>
{% endfor %}
<b title="{{ favourite_category | default("") }}">{{ favourite_category | default("") }}</b>
{{ coupon_code | default("") }}
<a href="{{ unsubscribe_url }}">Stop</a>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`reminder.toml` with a text and an HTML template."""
    templates = tmp_path / "actions" / "templates"
    templates.mkdir(parents=True)
    (templates / "reminder.txt").write_text(TEXT, encoding="utf-8")
    (templates / "reminder.html").write_text(HTML, encoding="utf-8")
    (tmp_path / "actions" / "reminder.toml").write_text(MAIL, encoding="utf-8")
    return tmp_path / "actions"
