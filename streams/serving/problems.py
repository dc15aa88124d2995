"""Errors as `application/problem+json` (RFC 9457), with the name of the parameter that was wrong."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from schemas.errors import DeliveryError

_SCHEMA: Final = {
    "type": "object",
    "required": ["status", "detail"],
    "properties": {"status": {"type": "integer"}, "detail": {"type": "string"}, "parameter": {"type": "string"}},
}
_CONTENT: Final = {"application/problem+json": {"schema": _SCHEMA}}
PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    422: {"description": "A parameter is wrong", "content": _CONTENT},
    "default": {"description": "What is wrong", "content": _CONTENT},
}
"""Answers of every operation, as OpenAPI has them."""


class ParameterError(HTTPException):
    """A parameter is wrong, as only the state of the feed can tell."""

    def __init__(self, status: int, parameter: str, text: str) -> None:
        """Say what is wrong with which parameter."""
        super().__init__(status, f"{parameter}: {text}")
        self.parameter = parameter


def add_problems(app: FastAPI) -> None:
    """Answer every error of an application as a problem."""

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        return problem(422, f"{name}: {first['msg']}", parameter=name)

    @app.exception_handler(HTTPException)
    async def _refused(_: Request, error: HTTPException) -> JSONResponse:
        parameter = error.parameter if isinstance(error, ParameterError) else None
        return problem(error.status_code, str(error.detail), parameter, error.headers)

    @app.exception_handler(DeliveryError)
    async def _unavailable(_: Request, error: DeliveryError) -> JSONResponse:  # noqa: ARG001 - its text may hold SQL
        return problem(503, "ClickHouse does not answer; try again")

    @app.exception_handler(Exception)
    async def _failed(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - it is logged, and of no use to others
        return problem(500, "a fault of the server's, which has been logged")


def problem(status: int, detail: str, parameter: str | None = None, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an answer that says what is wrong."""
    body = {"status": status, "detail": detail} | ({"parameter": parameter} if parameter else {})
    return JSONResponse(body, status, headers, media_type="application/problem+json")
