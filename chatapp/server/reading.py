"""Reading a request: its body as JSON, checked against a schema, in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request

from chatapp.server.errors import ApiError
from chatapp.server.responses import ClientGone
from chatapp.server.schemas import UNSUPPORTED, Schema
from chatapp.server.threads import beside

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

_ENDS = 150  # characters of both ends of a long message


async def read_json(request: Request, schema: Schema, seconds: float) -> dict[str, Any]:
    """Return the body.

    Raises:
        ApiError: it is no JSON, not sent as such, against the schema, or does not arrive in time.
        ClientGone: the client left before it was whole.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # a web page can send other types to this server without asking the browser
        raise ApiError(415, "send the request as Content-Type: application/json", code="no_json")
    try:
        async with asyncio.timeout(seconds):
            raw = await request.body()
    except TimeoutError:
        raise ApiError(408, f"the request did not arrive within {seconds:g} s") from None
    except ClientDisconnect:
        raise ClientGone from None
    # a megabyte takes a second: other clients are answered meanwhile
    return await beside(lambda: checked(_parsed(raw), schema), len(raw))


def checked(body: object, schema: Schema) -> dict[str, Any]:
    """Return a body that follows the schema. Raises ApiError (400) naming the field that does not.

    Fields that are null count as left out.
    """
    error = _first_error(body, schema)
    if error is not None:
        path = ".".join(str(part) for part in error.absolute_path)
        where = f"{path}: " if path else ""
        raise ApiError(
            400, where + _told(error.message), code="invalid_request", param=path or None
        )
    assert isinstance(body, dict)
    given = {name: value for name, value in body.items() if value is not None}
    for name, instead in UNSUPPORTED.items():
        if name in given:
            raise ApiError(
                400, f"{name} is not supported: {instead}", code="unsupported", param=name
            )
    return given


def _told(message: str) -> str:
    """Return a message without its middle: it begins with the value and ends with what is wrong."""
    if len(message) <= 2 * _ENDS:
        return message
    return f"{message[:_ENDS]} … {message[-_ENDS:]}"


def _parsed(raw: bytes) -> object:
    try:
        body = json.loads(raw, parse_constant=_no_constant, parse_float=_number)
        return _whole_characters(body) if b"\\u" in raw else body
    except RecursionError:
        raise ApiError(400, "the body is nested too deeply", code="invalid_json") from None
    except ValueError as error:
        raise ApiError(400, f"the body is no JSON: {error}", code="invalid_json") from None


def _whole_characters(value: Any) -> Any:
    r"""Replace halves of surrogate pairs, which JSON can write (`\ud800`) and no text can hold."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(key): _whole_characters(each) for key, each in value.items()}
    return value


def _number(text: str) -> float | int:
    """Read `35.0` as 35: to JSON Schema it is an integer, to Python only then."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


def _first_error(body: object, schema: Schema) -> ValidationError | None:
    from jsonschema.exceptions import best_match

    found: ValidationError | None = best_match(_validator(json.dumps(schema)).iter_errors(body))
    return found


@cache
def _validator(schema: str) -> Draft202012Validator:
    """Return a validator that stops at the first wrong item.

    JSON Schema's own lists every wrong one, for each alternative of an `anyOf`: of a body of some
    megabytes that takes minutes and gigabytes, and one error is all that is told.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    stopping = {"items": _first_wrong_item, "additionalProperties": _first_wrong_value}
    kind: type[Draft202012Validator] = extend(Draft202012Validator, stopping)  # type: ignore[no-untyped-call]
    return kind(json.loads(schema))


def _first_wrong_item(
    validator: Draft202012Validator, each: Schema, items: object, schema: Schema
) -> Iterator[ValidationError]:
    """The keyword `items`; of a list that is too long, `maxItems` tells."""
    if isinstance(items, list) and len(items) <= schema.get("maxItems", len(items)):
        yield from _first_wrong(validator, each, enumerate(items))


def _first_wrong_value(
    validator: Draft202012Validator, each: Schema, fields: object, schema: Schema
) -> Iterator[ValidationError]:
    """The keyword `additionalProperties`; of too many, `maxProperties` tells."""
    if isinstance(fields, dict) and len(fields) <= schema.get("maxProperties", len(fields)):
        named = schema.get("properties", {})
        others = ((name, value) for name, value in fields.items() if name not in named)
        yield from _first_wrong(validator, each, others)


def _first_wrong(
    validator: Draft202012Validator, each: Schema, parts: Iterable[tuple[str | int, object]]
) -> Iterator[ValidationError]:
    """Yield the errors of the first part that has any."""
    for place, part in parts:
        errors = validator.descend(part, each, path=place)
        for error in errors:
            yield from chain((error,), errors)
            return
