"""The reference of every configuration key, generated from the models themselves."""

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


def _document_section(name: str, model: type[BaseModel]) -> list[str]:
    title = " ".join((model.__doc__ or "").split())
    lines = [f"\n### [{name}]", title, "", "| key | type | default |", "|---|---|---|"]
    nested = []
    for key, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            nested += _document_section(f"{name}.{key}", annotation)
            continue
        limits = ", ".join(str(m) for m in field.metadata if isinstance(m, BaseMetadata))
        kind = str(annotation).removeprefix("<class '").removesuffix("'>").replace("typing.", "")
        kind = kind.replace("pipeline.config.", "").replace("|", "or")
        if kind.startswith("tuple"):
            kind = "[low, high]"
        lines.append(f"| `{key}` | {kind} {limits} | `{field.default!r}` |")
    return lines + nested


def main() -> None:
    """Rewrite the generated part of render_configs/README.md."""
    readme = CONFIG_DIR / "README.md"
    head, _, rest = readme.read_text().partition("<!-- generated:options")
    opening = "<!-- generated:options" + rest.splitlines()[0]
    readme.write_text(f"{head}{opening}\n{document_options()}\n\n<!-- end generated -->\n")


if __name__ == "__main__":
    main()
