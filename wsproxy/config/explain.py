"""A validation error in words for the person who wrote the file: what is wrong, what to do.

What stands in the file is never repeated here, only its kind: it may be a secret.
"""

import difflib
from collections.abc import Mapping
from datetime import date, time
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from wsproxy.config.sections import Group
from wsproxy.config.settings import Settings
from wsproxy.config.sources import KeyPath, text_list

NEW_SECRET = "`openssl rand -hex 32` makes one"

_WANTED = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    (str, "text"),
    (int, "a whole number"),
    (float, "a number"),
    (dict, "a table"),
    (list, "a list"),
    ((date, time), "a date or time"),
)


def explain(error: ErrorDetails) -> tuple[str, str]:
    """Problem and remedy."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return "is not a setting", _suggestion(tuple(str(part) for part in error["loc"]))
    if kind == "value_error":
        problem = str(context["error"])
        return problem, NEW_SECRET if "too short" in problem else ""
    if kind in _WANTED:
        return f"{_WANTED[kind]}, not {_kind_of(error['input'])}", ""
    if kind == "literal_error":
        return f"must be {context['expected']}", ""
    message = error["msg"]
    return message.replace("Input should be", "must be").replace("Value", "value"), ""


def _kind_of(value: Any) -> str:
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    return "nothing"


def section_keys() -> Mapping[str, Mapping[str, FieldInfo]]:
    """Section -> key as in the file -> field. ``groups`` stands for each group."""
    sections: dict[str, Mapping[str, FieldInfo]] = {}
    for name, info in Settings.model_fields.items():
        model = info.annotation
        if get_origin(model) is dict:
            model = Group
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        sections[name] = {field.alias or key: field for key, field in model.model_fields.items()}
    return sections


def _suggestion(path: KeyPath) -> str:
    """What was probably meant by an unknown key."""
    sections = section_keys()
    key = path[-1]
    if len(path) == 1:
        near = difflib.get_close_matches(key, sections, 1)
        if near:
            return f"Did you mean [{near[0]}]?"
    elif near := difflib.get_close_matches(key, sections.get(path[0], ()), 1):
        return f"Did you mean {near[0]!r}?"
    homes = [f"[{section}]" for section, keys in sections.items() if key in keys]
    if homes:
        return f"It belongs to {' or '.join(homes)}"
    if len(path) == 1:
        return f"The sections are {', '.join(sections)}"
    return f"[{path[0]}] has {', '.join(sections.get(path[0], ()))}"


def convert(path: KeyPath, text: str) -> Any:
    """The text of an environment variable as the kind of value that its key wants.

    What does not convert stays text, and the models complain about it.
    """
    fields = section_keys().get(path[0], {})
    info = fields.get(path[-1])
    if info is None:
        return text
    if get_origin(info.annotation) is tuple:
        return text_list(text)
    if info.annotation is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if info.annotation in (int, float):
        return _number(text, info.annotation)
    return text


def _number(text: str, kind: Any) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text
