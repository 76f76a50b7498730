"""Lists every sentence, label and tooltip that the plugin can show, to be read in one go.

    python benchmarks/sentences.py [FOLDER_OR_WORD ...]

Strings of `plugin/` that are for people, and the errors that the rest of the package raises,
which the plugin shows as they are; `{}` stands for what is filled in. Words choose the files whose
path has one of them.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "napari_iafpn"
NO_WORDS = re.compile(r"[\w.:/*#{}()\[\]<>=,;|%-]*")
"""Names, keys, colours and paths have no spaces; labels of one word begin with a capital."""
CODE = re.compile(r"napari[-_]iafpn[:.]|^Q\w+ ?[:{]|color: |border: |^\s*\{|^%|^<|font-")


def text_of(node: ast.AST) -> str | None:
    """Return the text of a string, its placeholders left empty; None where it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    return None


def is_for_people(text: str) -> bool:
    """Tell what is read by users from names and keys."""
    if CODE.search(text) or not re.search(r"[A-Za-z]{2}", text):
        return False
    is_label = re.fullmatch(r"[A-Z][a-z]+…?", text) is not None
    return is_label or NO_WORDS.fullmatch(text) is None


def strings(tree: ast.AST, *, in_plugin: bool) -> Iterator[tuple[int, str]]:
    """Yield line and text of what a module can show."""
    bodies = (ast.Module, ast.ClassDef, ast.FunctionDef)
    said = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    roots = [tree] if in_plugin else [n for n in ast.walk(tree) if isinstance(n, ast.Raise)]
    seen: set[int] = set()
    for root in roots:
        for node in ast.walk(root):
            if id(node) in seen | said or isinstance(node, bodies):
                continue
            if isinstance(node, ast.JoinedStr):
                seen |= {id(part) for part in ast.walk(node) if part is not node}
            text = text_of(node)
            if text and is_for_people(text):
                yield getattr(node, "lineno", 0), " ".join(text.split())


def main(words: list[str]) -> None:
    """Print the sentences of each file."""
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name.startswith("cli/") or (words and not any(word in name for word in words)):
            continue
        found = sorted(set(strings(ast.parse(path.read_text()), in_plugin="plugin/" in name)))
        if found:
            print(f"\n{name}")
        for line, text in found:
            print(f"{line:5}  {text}")


if __name__ == "__main__":
    main(sys.argv[1:])
