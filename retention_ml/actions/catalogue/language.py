"""The language of templates: a closed part of Jinja, checked when it is read.

A template prints variables, repeats a part for each product and leaves parts out. It calls nothing
and computes nothing; in HTML every value is escaped. Jinja's sandbox is the second lock.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NoReturn

from jinja2 import DictLoader, StrictUndefined, Undefined, nodes
from jinja2.exceptions import TemplateError, TemplateSyntaxError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from retention_ml.actions.catalogue.variables import VARIABLES
from retention_ml.deliveries.description.mistakes import listed, nearest, shown

FILTERS = (
    "capitalize", "default", "first", "join", "last", "length", "lower", "map", "title", "trim",
    "truncate", "upper", "urlencode",
)  # fmt: skip
_TESTS = ("defined", "undefined", "==", "eq", "!=", "ne", "in")
_STATEMENTS: dict[type[nodes.Node], str] = {
    nodes.Call: "a call", nodes.Macro: "a macro", nodes.CallBlock: "a macro",
    nodes.Import: "an import", nodes.FromImport: "an import", nodes.Include: "an include",
    nodes.Extends: "an extends", nodes.ScopedEvalContextModifier: "autoescape",
    nodes.FilterBlock: "a filter block", nodes.With: "with",
}  # fmt: skip
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.Assign,
    nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Filter, nodes.Test, nodes.Getattr,
    nodes.Getitem, nodes.Slice, nodes.Keyword, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.CondExpr, nodes.Concat, nodes.Scope,
)  # fmt: skip
_PRODUCT = ("product_id", "name", "category")
_BARE_ATTRIBUTE = re.compile(r"<[a-zA-Z][^<>{}]*=\s*\{\{")
_COMPUTED_LINK = re.compile(
    r"\b(?:href|src|action)\s*=\s*[\"']\s*\{\{(?!\s*unsubscribe_url\s*\}\})", re.IGNORECASE
)
_ACTIVE = re.compile(r"<\s*(?:script|iframe|object|embed|form)\b|\son\w+\s*=", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LineSentence = tuple[int, str]


class Missing(Undefined):
    """A value that this customer does not have: false in a condition, refused where printed."""

    def __init__(self, name: str) -> None:
        super().__init__(hint=f"this customer has no {name}", name=name)

    def __str__(self) -> str:
        return str(self._fail_with_undefined_error())


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)
    intercepted_unops = frozenset(ImmutableSandboxedEnvironment.default_unop_table)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may read an attribute: only what `loop` says of itself."""
        return type(obj).__name__ == "LoopContext" and super().is_safe_attribute(obj, attr, value)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """The entry of a product; never a method of the dictionary that it is."""
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def call(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse every call: the language has none."""
        raise TemplateError("a template calls nothing")

    call_binop = call_unop = call


def environment(templates: Mapping[str, str]) -> ImmutableSandboxedEnvironment:
    """An environment in which those templates, by name, are rendered; HTML is escaped."""
    made = _Environment(
        loader=DictLoader(dict(templates)),
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in FILTERS} | {"date": _date}
    made.tests = {name: made.tests[name] for name in _TESTS}
    return made


def with_missing(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with `Missing` for None, those of products included."""
    return {
        name: [with_missing(product) for product in value]
        if name == "products"
        else (Missing(name) if value is None else value)
        for name, value in values.items()
    }


def variables_in(text: str) -> set[str]:
    """The names that a template reads and does not set itself; it has to be free of mistakes."""
    tree = environment({}).parse(text)
    return {node.name for node in _free_names(tree)}


def mistakes_in(name: str, text: str, *, allow_internal: bool) -> list[LineSentence]:
    """Line and sentence of each thing that a template may not say, the first line first.

    Parameters
    ----------
    name : str
        Of the template: `.html` is held to more.
    allow_internal : bool
        Whether its reader is a CRM, which may know tier, reason and value.
    """
    engine = environment({})
    for match in _CONTROL.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        return [(line, f"there is the control character {shown(match[0])} in it; expected text")]
    try:
        tree = engine.parse(text, name)
    except TemplateSyntaxError as error:
        return [(error.lineno, _syntax(error))]
    except RecursionError:
        return [(1, "it is nested too deeply")]
    mistakes = [*_statements(tree), *_filters(tree)]
    # What is unknown has names in it, too; nothing is rendered, so that any function will do.
    for node in tree.find_all(nodes.Filter):
        engine.filters.setdefault(node.name, repr)
    for test in tree.find_all(nodes.Test):
        engine.tests.setdefault(test.name, callable)
    try:
        mistakes += _names(tree, allow_internal=allow_internal)
    except TemplateSyntaxError as error:
        mistakes.append((error.lineno, _syntax(error)))
    if name.endswith(".html"):
        mistakes += _markup(text)
    return sorted(set(mistakes))


def _syntax(error: TemplateSyntaxError) -> str:
    message = str(error.message or "it cannot be read")
    unknown = re.match(r"Encountered unknown tag '(\w+)'", message)
    if unknown:
        return (
            f"{shown(unknown[1])} is no statement of a template; expected if, for or set."
            f"{nearest(unknown[1], ('if', 'elif', 'else', 'endif', 'for', 'endfor', 'set'))}"
        )
    return f"it cannot be read: {message[:200]}"


def _statements(tree: nodes.Template) -> Iterator[LineSentence]:
    for node in _all(tree):
        if isinstance(node, nodes.For) and node.recursive:
            yield node.lineno, "a recursive for is not allowed in a template"
        if isinstance(node, _ALLOWED):
            continue
        what = _STATEMENTS.get(type(node))
        if what is None:
            what = "arithmetic" if isinstance(node, nodes.BinExpr | nodes.UnaryExpr) else "this"
        yield (
            node.lineno or 1,
            f"{what} is not allowed in a template; expected {{{{ variables }}}}, filters, if, for "
            "and set",
        )


def _names(tree: nodes.Template, *, allow_internal: bool) -> Iterator[LineSentence]:
    documented = sorted(VARIABLES)
    for node in _free_names(tree):
        if node.name not in VARIABLES:
            yield (
                node.lineno,
                f"{shown(node.name)} is no variable; expected one of {listed(documented)}."
                f"{nearest(node.name, documented)}",
            )
        elif VARIABLES[node.name].is_internal and not allow_internal:
            yield (
                node.lineno,
                f"{shown(node.name)} is for a CRM and not for the customer's eyes; "
                "choose customers by [rule] instead",
            )
    products = _product_names(tree)
    for attribute in tree.find_all(nodes.Getattr):
        target = attribute.node
        if (
            isinstance(target, nodes.Name)
            and target.name in products
            and attribute.attr not in _PRODUCT
        ):
            yield (
                attribute.lineno,
                f"a product has no {shown(attribute.attr)}; expected one of {listed(_PRODUCT)}."
                f"{nearest(attribute.attr, _PRODUCT)}",
            )


def _filters(tree: nodes.Template) -> Iterator[LineSentence]:
    filters = sorted((*FILTERS, "date"))
    for node in tree.find_all(nodes.Filter):
        if node.name not in filters:
            yield (
                node.lineno,
                f"{shown(node.name)} is no filter; expected one of {listed(filters)}."
                f"{nearest(node.name, filters)}",
            )
    for test in tree.find_all(nodes.Test):
        if test.name not in _TESTS:
            yield (
                test.lineno,
                f"{shown(test.name)} is no test; expected one of defined, undefined."
                f"{nearest(test.name, _TESTS)}",
            )


def _markup(text: str) -> Iterator[LineSentence]:
    for pattern, sentence in (
        (_BARE_ATTRIBUTE, 'a value in a tag needs quotes: name="{{ … }}"'),
        (
            _COMPUTED_LINK,
            "a link must begin with its address; expected https:// before the first value, or "
            "{{ unsubscribe_url }} alone",
        ),
        (_ACTIVE, "scripts, forms and frames are not allowed in a mail; take them out"),
    ):
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, sentence


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _all(child)


def _free_names(tree: nodes.Template) -> Iterator[nodes.Name]:
    """The names that are read somewhere where no `for` and no `set` has given them a value."""
    free = find_undeclared_variables(tree) | {"self"}  # which Jinja declares
    yield from (
        node for node in tree.find_all(nodes.Name) if node.ctx == "load" and node.name in free
    )


def _product_names(tree: nodes.Template) -> set[str]:
    """The names under which a `for` hands out products."""
    return {
        loop.target.name
        for loop in tree.find_all(nodes.For)
        if isinstance(loop.target, nodes.Name)
        and any(name.name == "products" for name in _named(loop.iter))
        and not any(True for _ in loop.iter.find_all(nodes.Filter))
    }


def _named(node: nodes.Node) -> Iterator[nodes.Name]:
    yield from (each for each in _all(node) if isinstance(each, nodes.Name))


def _date(value: Any, pattern: str = "%Y-%m-%d") -> str:
    """A day, written by the codes of strftime."""
    if not isinstance(value, date):
        return str(value)  # which refuses a missing one
    return value.strftime(pattern)
