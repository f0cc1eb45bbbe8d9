"""The reference of every configuration key, generated from the models themselves."""

from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from annotated_types import BaseMetadata
from pydantic import BaseModel

from pipeline.config import CONFIG_DIR, Config


def document_options() -> str:
    """Markdown table of every option with its type and default, for render_configs/README.md."""
    lines: list[str] = []
    for name, field in Config.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            lines += _document_section(name, field.annotation)
    return "\n".join(lines)


def _document_section(name: str, model: type[BaseModel], many: bool = False) -> list[str]:
    title = " ".join((model.__doc__ or "").split())
    lines = [
        f"\n### {f'[[{name}]]' if many else f'[{name}]'}",
        title,
        "",
        "| key | type | default |",
        "|---|---|---|",
    ]
    nested = []
    for key, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            nested += _document_section(f"{name}.{key}", annotation)
            lines.append(f"| `{key}` | table, see below | `{_as_toml(field.default)!r}` |")
            continue
        rows = [t for t in get_args(annotation) if isinstance(t, type) and issubclass(t, BaseModel)]
        for row in rows:
            nested += _document_section(f"{name}.{key}", row, many=True)
        limits = ", ".join(str(m) for m in field.metadata if isinstance(m, BaseMetadata))
        kind = f"{_kind(annotation)} {limits}".strip()
        default = "required" if field.is_required() else f"`{_as_toml(field.default)!r}`"
        lines.append(f"| `{key}` | {kind} | {default} |")
    return lines + nested


def _kind(annotation: object) -> str:
    """A type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin is tuple:
        return "[low, high]"
    if origin is list:
        return f"list of {_kind(arguments[0])}"
    if origin is Literal:
        return " or ".join(f'"{value}"' for value in arguments)
    if origin in (Union, UnionType):
        return " or ".join(_kind(argument) for argument in arguments)
    if annotation is NoneType:
        return "nothing"
    if annotation is dict or origin is dict:
        return "table"
    return {"bool": "true or false", "str": "text"}.get(annotation.__name__, annotation.__name__)


def _as_toml(value: object) -> object:
    """A default as a user would write it: tables by their own keys only."""
    if isinstance(value, list):
        return [_as_toml(item) for item in value]
    return value.model_dump(exclude_defaults=True) if isinstance(value, BaseModel) else value


def main() -> None:
    """Rewrite the generated part of render_configs/README.md."""
    readme = CONFIG_DIR / "README.md"
    head, _, rest = readme.read_text().partition("<!-- generated:options")
    opening = "<!-- generated:options" + rest.splitlines()[0]
    readme.write_text(f"{head}{opening}\n{document_options()}\n\n<!-- end generated -->\n")


if __name__ == "__main__":
    main()
