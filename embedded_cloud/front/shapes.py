"""The check of a call's parameters against botocore's model of the service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from embedded_cloud.front.call import AwsError, Call

CODES = {
    "ec2": "InvalidParameterValue",
    "eks": "InvalidParameterException",
    "logs": "InvalidParameterException",
    "route53": "InvalidInput",
    "s3": "InvalidArgument",
}
"""Service -> error code for a parameter that is not valid, for services that do not use the code of their protocol."""

CODES_BY_PROTOCOL = {"query": "ValidationError"}
OTHERWISE = "ValidationException"

PYTHON_EQUIVALENTS = {
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Print}": r" -~",
    r"\p{IsAlphabetic}": r"a-zA-Z\u00aa-\uffff",
    r"\p{L}": r"a-zA-Z\u00aa-\uffff",
    r"\p{M}": r"\u0300-\u036f",
    r"\p{N}": r"0-9\u0660-\u0669",
    r"\p{P}": r"!-\/:-@\[-`{-~",
    r"\p{S}": r"$+<=>^`|~\u00a2-\u00b8",
    r"\p{Zs}": r" \u00a0\u2000-\u200a",
    r"\p{Z}": r" \u00a0\u2000-\u200a",
    r"\uD800\uDC00-\uDBFF\uDFFF": "\U00010000-\U0010ffff",
    r"\w-_": r"\w\-_",
}
"""Parts of AWS' patterns that Python does not understand -> their equivalents in Python. Some equivalents are approximate."""


def require_valid(call: Call) -> None:
    """Raise ``AwsError`` if parameters violate the model. The error lists all violations."""
    shape = call.operation.input_shape
    if shape is None:
        return
    found = list(violations(shape, call.parameters, ""))
    if found:
        protocol = call.operation.service_model.protocol
        code = CODES.get(call.service) or CODES_BY_PROTOCOL.get(str(protocol), OTHERWISE)
        count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
        raise AwsError(code, count + "; ".join(found))


def violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    """AWS' messages about the parts of ``value`` that violate the shape. ``path`` is the path of the parameter."""
    if value is None:
        return
    match shape.type_name:
        case "structure":
            yield from _of_structure(shape, value, path)
        case "list":
            yield from _of_length(shape, value, path)
            for index, item in enumerate(value):
                yield from violations(shape.member, item, f"{path}.{index + 1}")
        case "map":
            yield from _of_length(shape, value, path)
            for key, item in value.items():
                yield from violations(shape.key, key, f"{path}.key")
                yield from violations(shape.value, item, f"{path}.{key}")
        case "string":
            yield from _of_text(shape, str(value), path)
        case "integer" | "long" | "float" | "double":
            yield from _of_number(shape, value, path)
        case _:
            return


def _of_structure(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, member in shape.members.items():
        yield from violations(member, value.get(name), _join(path, name))


def _of_text(shape: Any, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield _failed(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    compiled = in_python(pattern) if pattern else None
    if compiled and not compiled.fullmatch(value):
        yield _failed(value, path, f"Member must satisfy regular expression pattern: {pattern}")
    yield from _of_length(shape, value, path)


def _of_length(shape: Any, value: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and len(value) < least:
        yield _failed(value, path, f"Member must have length greater than or equal to {least}")
    if most is not None and len(value) > most:
        yield _failed(value, path, f"Member must have length less than or equal to {most}")


def _of_number(shape: Any, value: float, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and float(value) < least:
        yield _failed(value, path, f"Member must have value greater than or equal to {least}")
    if most is not None and float(value) > most:
        yield _failed(value, path, f"Member must have value less than or equal to {most}")


def _failed(value: object, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@cache
def in_python(pattern: str) -> re.Pattern[str] | None:
    """AWS' pattern as a pattern of Python, or ``None`` if Python has no equivalent."""
    pattern = re.sub(r"^(\\p\{\w+\})", r"[\1]", pattern)  # Python needs brackets around a character class
    for java, python in PYTHON_EQUIVALENTS.items():
        pattern = pattern.replace(java, python)
    try:
        return re.compile(pattern)
    except re.error:
        return None
