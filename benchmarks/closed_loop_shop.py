"""The shop of the closed loop through Airflow: its settings, its actions, and its days."""

import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from typer.testing import CliRunner

from retention_ml import atomic_files
from retention_ml.cli import app
from retention_ml.errors import StackError
from retention_ml.settings import PROJECT
from retention_ml.simulate import simulate
from retention_ml.simulate.response import contact_log
from retention_ml.simulate.response.continued_shop import Simulation
from retention_ml.simulate.response.worlds import World, world_named
from retention_ml.simulate.shop import TIMEZONE

SOURCE = "simulated"
EVERY_DAYS = 7
WINDOW_DAYS = 14
HISTORY_DAYS = 270
FIRST_DAY = date(2024, 1, 1)

# By action: its channel, its template, and which action of the world it is answered to as.
ACTIONS = {
    "come_back": ("email", "email", "come_back"),
    "app_reminder": ("push", "webhook", "app_reminder"),
    "crm_list": ("email", "file", "crm_list"),
}
ANSWERS = {"come_back": "email", "app_reminder": "email", "crm_list": "recommendation"}
COST = 0.50
_ACTION = """title = "{name}"
kind = "{kind}"
channel = "{channel}"
template = "{template}"
{subject}cost = {cost}
effect_days = {window}

[rule]
tiers = ["low", "medium", "high", "critical"]
needs_permission = true
purpose = "marketing"
"""
_MAIL = """subject = "New in our shop"
unsubscribe_url = "https://shop.example/unsubscribe?message={message_id}"
"""
_PUSH = 'subject = "It has been a while"\n'


def settings_of(
    home: Path, *, customers: int, smtp_url: str, webhook_url: str, webhook_secret: str
) -> dict[str, str]:
    """The environment of the stack: a shop that decides by weeks, and sends.

    Outcome windows are as long as the actions of the simulator work. Trainings are rare and of few
    candidates: what is looked at here is the loop. The quota makes some mails wait.
    """
    settings = {
        "HOME": str(home),
        "PRIVACY__PSEUDONYMS": "false",  # what was decided is compared with the shop's truth
        "SOURCES": str(home / "sources"),
        "ACTIONS_FOLDER": str(home / "catalogue"),
        "SMTP_URL": smtp_url,
        "WEBHOOK_URL": webhook_url,
        "WEBHOOK_SECRET": webhook_secret,
        "CALENDAR__TIMEZONE": TIMEZONE,
        "CALENDAR__CURRENCY": "GBP",
        "CHURN__HORIZON_DAYS": str(WINDOW_DAYS),
        "TRAINING__EVERY_DAYS": "14",
        "TRAINING__CUTOFF_COUNT": "6",
        "TRAINING__CANDIDATES": '["recency", "lightgbm", "ensemble"]',
        "TRAINING__TUNING_TRIALS": "0",
        "ACTIONS__ENABLED": "true",
        "ACTIONS__BUDGET_PER_DAY": str(customers / 4),
        "ACTIONS__EXPLORE_SHARE": "0.5",
        "ACTIONS__FATIGUE_DAYS": str(WINDOW_DAYS),
        "ACTIONS__CONTACTS_PER_YEAR_MAX": "26",
        "ACTIONS__QUIET_AFTER_ORDER_DAYS": "0",
        "CHANNELS__EMAIL__SECURITY": "none",
        "CHANNELS__EMAIL__SENDER": "hello@shop.example",
        "CHANNELS__EMAIL__PER_HOUR": str(max(customers // 40, 1)),
    }
    return {f"RETENTION_{name}": value for name, value in settings.items()}


@dataclass(slots=True, kw_only=True)
class LivingShop:
    """A simulated shop and its files.

    Parameters
    ----------
    folder : Path
        Where the shop writes its files.
    """

    folder: Path
    customers: int
    seed: int
    world: str

    @property
    def simulation(self) -> Simulation:
        """What `simulate` was called with."""
        return Simulation(
            customers=self.customers,
            days=HISTORY_DAYS,
            seed=self.seed,
            first_day=FIRST_DAY,
            timezone=TIMEZONE,
        )

    @property
    def truth(self) -> World:
        """What actions do."""
        return world_named(self.world)

    def prepare(self) -> None:
        """Simulate the history, and write source description and actions, unless they are there."""
        home = self.folder.parent
        shipped = PROJECT / "sources" / f"{SOURCE}.toml"
        atomic_files.write_text(home / "sources" / shipped.name, shipped.read_text("utf-8"))
        shutil.copytree(
            PROJECT / "actions" / "templates", home / "catalogue" / "templates", dirs_exist_ok=True
        )
        for name, (kind, channel, template) in ACTIONS.items():
            subject = {"email": _MAIL, "webhook": _PUSH}.get(channel, "")
            text = _ACTION.format(
                name=name,
                kind=kind,
                channel=channel,
                template=template,
                subject=subject,
                cost=COST,
                window=WINDOW_DAYS,
            )
            atomic_files.write_text(home / "catalogue" / f"{name}.toml", text)
        if not self.folder.is_dir():
            simulate(
                customers=self.customers,
                days=HISTORY_DAYS,
                seed=self.seed,
                out=self.folder,
                first_day=FIRST_DAY,
            )

    def decision_days(self, weeks: int) -> list[date]:
        """The first day after the history, on which the holdout is drawn, and one a week after it."""
        first = FIRST_DAY + timedelta(days=HISTORY_DAYS)
        return [first + timedelta(days=EVERY_DAYS * week) for week in range(weeks + 1)]

    def has_lived(self, day: date) -> bool:
        """Whether the whole week from `day` on was lived through."""
        lived = contact_log.days_lived(self.folder)
        return bool(lived) and lived[-1] >= day + timedelta(days=EVERY_DAYS - 1)

    def live(self, day: date) -> None:
        """Live through the week that begins on a decision day, with what left the outbox on it."""
        for ahead in range(EVERY_DAYS):
            self._respond(day + timedelta(days=ahead))

    def files_until(self, day: date) -> list[Path]:
        """What the shop delivers on the eve of a decision day: the history, or the week before."""
        if day == FIRST_DAY + timedelta(days=HISTORY_DAYS):
            return sorted(self.folder.glob("*.csv"))
        week = {str(day - timedelta(days=back)) for back in range(1, EVERY_DAYS + 1)}
        granted = [] if len(contact_log.days_lived(self.folder)) > EVERY_DAYS else ["granted"]
        ends = (*week, *granted)
        return [path for path in sorted(self.folder.glob("*.csv")) if path.stem.endswith(ends)]

    def _respond(self, day: date) -> None:
        arguments = [
            "simulate", "--customers", str(self.customers), "--days", str(HISTORY_DAYS),
            "--seed", str(self.seed), "--first-day", str(FIRST_DAY), "--out", str(self.folder),
            "--respond", str(day), "--outbox", "--world", self.world, "--json",
        ]  # fmt: skip
        for name, answer in ANSWERS.items():
            arguments += ["--answer", f"{name}={answer}"]
        done = CliRunner().invoke(app, arguments)
        if done.exit_code != 0:
            raise StackError(
                f"`retention {' '.join(arguments)}` ended with {done.exit_code}: {done.output}"
            )
