"""The catalogue, read from a folder: `<name>.toml` per action, the texts under `templates/`.

Every mistake is refused when it is read, with file, line, key, value and what is expected;
docs/actions.md explains every key.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from retention_ml.actions.catalogue.action import NONE, Action, ActionFile, leave_alone
from retention_ml.actions.catalogue.catalogue import Catalogue, digest
from retention_ml.actions.catalogue.coupons import read_codes
from retention_ml.actions.catalogue.language import mistakes_in, variables_in
from retention_ml.actions.catalogue.message import (
    SAMPLE,
    SAMPLE_MESSAGE_ID,
    SPARSE,
    SUBJECT,
    Renderer,
)
from retention_ml.deliveries.description import toml_files
from retention_ml.deliveries.description.mistakes import listed, nearest
from retention_ml.deliveries.description.section import CODE
from retention_ml.deliveries.description.sentences import first_mistake
from retention_ml.deliveries.description.toml_lines import line_of
from retention_ml.errors import MessageRefused, SettingsError

_PAGE = "docs/actions.md"
_NAMED_BY_FILE = ("action_id", "name", "version_sha256")
SUFFIXES = (".txt", ".html")
ACTIONS_MAX = 25  # a decision weighs all sets of them
_EXAMPLE = "//shop.example"  # the shipped files'


def load_actions(folder: Path) -> Catalogue:
    """The catalogue of a folder, `none` always in it.

    Raises
    ------
    SettingsError
        There is no such folder, or a file or template has a mistake: the first one in words, and
        how many more there are.
    """
    catalogue, sentences = read_actions(folder)
    if sentences:
        more = len(sentences) - 1
        others = f" {more:,} more: `retention actions check`." if more else ""
        raise SettingsError(sentences[0] + others)
    return catalogue


def read_actions(folder: Path) -> tuple[Catalogue, list[str]]:
    """The actions without mistakes, and a sentence for each mistake of the others.

    Raises
    ------
    SettingsError
        There is no such folder.
    """
    if not folder.is_dir():
        raise SettingsError(
            f"There is no folder {folder}; expected the action files (*.toml). Make it, or set "
            "RETENTION_ACTIONS_FOLDER."
        )
    actions: dict[str, Action] = {NONE: leave_alone()}
    templates, sentences = dict[str, str](), list[str]()
    paths = sorted(folder.glob("*.toml"))
    if len(paths) > ACTIONS_MAX:
        sentences.append(
            f"There are {len(paths)} action files; expected at most {ACTIONS_MAX}. Take away those "
            f"that are not used. See {_PAGE}."
        )
    for path in paths:
        try:
            draft = _draft(path)
            mistakes = list(_mistakes(draft))
        except SettingsError as error:
            mistakes = [str(error)]
        if mistakes:
            sentences += mistakes
        else:
            actions[path.stem] = draft.action
            templates |= draft.texts
    return Catalogue(actions=actions, templates=dict(sorted(templates.items()))), sentences


def remarks(catalogue: Catalogue, folder: Path) -> list[str]:
    """What is worth a look in a catalogue without mistakes."""
    used, sentences = set(catalogue.templates), []
    for action in catalogue.contacts.values():
        if action.coupons is not None and not read_codes(folder, action.coupons):
            sentences.append(
                f"{action.action_id}: not set up: there are no codes in "
                f"coupons/{action.coupons}.txt; it is not used until there are."
            )
        if _EXAMPLE in (action.unsubscribe_url or ""):
            sentences.append(
                f"{action.action_id}: unsubscribe_url is still the example's; set the shop's."
            )
    for path in sorted((folder / "templates").glob("*")):
        if path.suffix in SUFFIXES and path.name not in used:
            sentences.append(f"templates/{path.name} is used by no action.")
    sentences += [
        f"templates/{name}: there is still an address of the example in it; write the shop's."
        for name, text in catalogue.templates.items()
        if _EXAMPLE in text
    ]
    return sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """An action file whose keys are right, before its templates are checked."""

    path: Path
    text: str
    file: ActionFile
    texts: dict[str, str]

    @property
    def action(self) -> Action:
        terms = self.file.model_dump()
        version = digest({"file": self.file.model_dump(mode="json"), "templates": self.texts})
        return Action(action_id=self.path.stem, version_sha256=version, **terms)

    def refusal(self, key: str, sentence: str) -> str:
        error = toml_files.refusal(self.path.name, self.text, (key,), sentence, page=_PAGE)
        return str(error)


def _draft(path: Path) -> _Draft:
    if not CODE.fullmatch(path.stem) or path.stem == NONE:
        raise SettingsError(
            f"{path.name} is no name of an action; expected 3 to 60 lower-case letters, digits and "
            f"_ such as come_back.toml, and not {NONE}.toml, which is always there."
        )
    text = toml_files.read_text(path)
    values = toml_files.parse(text, path.name)
    for key in _NAMED_BY_FILE:
        if key in values:
            raise SettingsError(
                f"{path.name}, line {line_of(text, (key,))}, sets `{key}`; an action is called "
                "like its file. Take it away."
            )
    toml_files.require_plain_text(values, text, path.name, page=_PAGE)
    try:
        file = ActionFile(**values)
    except ValidationError as error:
        keys, sentence = first_mistake(error, values, ActionFile)
        raise toml_files.refusal(path.name, text, keys, sentence, page=_PAGE) from None
    draft = _Draft(path=path, text=text, file=file, texts={})
    return draft if file.template is None else replace(draft, texts=_texts(draft, file.template))


def _texts(draft: _Draft, template: str) -> dict[str, str]:
    folder = draft.path.parent / "templates"
    paths = [folder / f"{template}{suffix}" for suffix in SUFFIXES]
    if not paths[0].is_file():
        names = sorted({path.stem for path in folder.glob("*.txt")})
        raise SettingsError(
            draft.refusal(
                "template",
                f"there is no templates/{template}.txt; expected one of "
                f"{listed(names) or 'none: the folder is empty'}.{nearest(template, names)}",
            )
        )
    if draft.file.kind == "push" and paths[1].is_file():
        raise SettingsError(
            draft.refusal("template", f"a push has no HTML; take templates/{template}.html away")
        )
    return {path.name: toml_files.read_text(path) for path in paths if path.is_file()}


def _mistakes(draft: _Draft) -> Iterator[str]:
    """A sentence for each mistake of the templates and the subject."""
    file, sentences = draft.file, list[str]()
    allow_internal = not file.speaks_to_customer
    for name, text in draft.texts.items():
        sentences += [
            _sentence(f"templates/{name}, line {line}: {words}")
            for line, words in mistakes_in(name, text, allow_internal=allow_internal)
        ]
    for _, words in mistakes_in(SUBJECT, file.subject or "", allow_internal=allow_internal):
        sentences.append(draft.refusal("subject", words))
    if not sentences:
        sentences = [*_unsaid(draft), *_unwritten(draft)]
    yield from sentences


def _unsaid(draft: _Draft) -> Iterator[str]:
    """What each text of an action has to say, and does not."""
    file = draft.file
    required = {
        "unsubscribe_url": (file.is_marketing_mail, "how one gets no more of them"),
        "coupon_code": (file.kind == "coupon", "the code"),
        "products": (file.kind == "recommendation", "what is recommended"),
    }
    for name, text in draft.texts.items():
        variables = variables_in(text)
        for variable, (is_required, what) in required.items():
            if is_required and variable not in variables:
                yield _sentence(
                    f"templates/{name}: {draft.path.name} needs {{{{ {variable} }}}} in it: {what}"
                )


def _unwritten(draft: _Draft) -> Iterator[str]:
    """What cannot be written for a customer of whom everything, or next to nothing, is known."""
    action = draft.action
    renderer = Renderer(draft.texts, currency="EUR", minor_units=100)
    sparse = replace(
        SPARSE,
        coupon_code=SAMPLE.coupon_code,
        products=SAMPLE.products[-1:] if action.kind == "recommendation" else (),
    )
    for recipient in (SAMPLE, sparse):
        try:
            renderer.render(action, recipient, SAMPLE_MESSAGE_ID)
        except MessageRefused as error:
            yield f"{draft.path.name}: {error}"
            return


def _sentence(words: str) -> str:
    stop = "" if words.endswith(("?", ".")) else "."
    return f"{words}{stop} See {_PAGE}."
