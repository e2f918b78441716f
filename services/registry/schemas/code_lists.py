"""Code lists as they go out."""

from pydantic import Field

from services.shared.schemas import Out


class CodeOut(Out):
    """One code with its names."""

    code: str | int = Field(description="As requests and answers hold it.")
    zh: str = Field(description="Name in Chinese.")
    en: str = Field(description="Name in English.")


class CodeListOut(Out):
    """One list of codes."""

    name: str = Field(description="Its name in addresses.")
    zh: str = Field(description="Title in Chinese.")
    en: str = Field(description="Title in English.")
    source: str = Field(description="Standard and clause, or who decided.")
    fields: list[str] = Field(description="Members of requests and answers that hold its codes.")
    items: list[CodeOut] = Field(description="The codes, in the order people expect.")
