"""Code blocks of README and of the site's pages, as the tests of the documentation run them."""

import ast
import inspect
import re
import shlex
from dataclasses import dataclass
from enum import EnumType
from importlib import import_module
from typing import get_args, get_type_hints

import typer

from eegsep.cli import app
from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"
BUILT = {"_build", "api", "auto_gallery", "gallery", "notebooks", "jupyter_execute"}
# What stands before a block that is not run here, with the reason; it is compiled and its names
# are looked up.
NOT_RUN = re.compile(r"^\s*(?:%|<!--)\s*not run: \S.*$")
FENCE = re.compile(r"^(?P<indent>\s*)(?P<ticks>`{3,}|:{3,})\s*(?P<what>.*?)\s*$")
PYTHON = {"python", "py", "{code-block} python", "{code-block} py"}
SHELL = {"console", "bash", "sh", "shell", "{code-block} console", "{code-block} bash"}


@dataclass(frozen=True)
class Block:
    """Code of a page, and where it begins."""

    page: str
    line: int
    code: str
    is_run: bool

    def compiled(self):
        """Compile it, with the page's line numbers in tracebacks."""
        return compile("\n" * self.line + self.code, self.page, "exec")


def pages():
    """README, and the site's pages that people write."""
    written = [path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] not in BUILT]
    return [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(written)]


def blocks(path, languages):
    """Find a page's fenced blocks of some languages, also those within directives."""
    lines = path.read_text(encoding="utf-8").splitlines()
    made, i = [], 0
    while i < len(lines):
        fence = FENCE.match(lines[i])
        if fence and fence["what"] in languages:
            end = next(
                j
                for j in range(i + 1, len(lines))
                if lines[j].strip().startswith(fence["ticks"]) and not lines[j].strip("`: ")
            )
            body = [line.removeprefix(fence["indent"]) for line in lines[i + 1 : end]]
            while body and re.match(r"^:[a-z-]+:", body[0]):
                body[0:1] = []
            before = next((line for line in reversed(lines[:i]) if line.strip()), "")
            name = path.relative_to(REPOSITORY).as_posix()
            made.append(Block(name, i + 1, "\n".join(body), not NOT_RUN.match(before)))
            i = end
        i += 1
    return made


def commands(path):
    """Give a page's command lines, of shell blocks and indented ones, in one line each."""
    indented = re.findall(r"^    (?=\S).*(?:\n    .*)*", path.read_text(encoding="utf-8"), re.M)
    in_blocks = [block.code for block in blocks(path, SHELL)]
    for text in [*in_blocks, *indented]:
        for line in re.sub(r"\\\n\s*", "", text).splitlines():
            line = re.sub(r"^\s*(?:\$ )?", "", line)
            if re.match(r"(srun |nice |[A-Z_]+=\S+ )*(python -m )?(eegsep|make)(\.cli)? ", line):
                yield line


def wrong_with_command(line):
    """Say what is wrong with an ``eegsep`` or ``make`` line, which is not run, or give None."""
    words = shlex.split(line, comments=True)
    words = words[next(i for i, word in enumerate(words) if re.match(r"(eegsep|make)\b", word)) :]
    ends = [i for i, word in enumerate(words) if word in {"|", ">", "&&", ";", "||", "&", "2>"}]
    program, *words = words[: min(ends, default=None)]
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.M)
        unknown = [word for word in words if "=" not in word and word not in targets]
        return f"{line}: no target {unknown}" if unknown else None
    command, context = typer.main.get_command(app), None
    while hasattr(command, "commands") and words and words[0] in command.commands:
        context = type(command).context_class(command, parent=context, info_name=words[0])
        command, words = command.commands[words[0]], words[1:]
    if hasattr(command, "commands") and [w for w in words if not w.startswith("-")]:
        return f"{line}: no command {words[0]}"
    context = type(command).context_class(command, parent=context)
    try:
        given, left, _ = command.make_parser(context).parse_args(list(words))
        for name, kind in get_type_hints(command.callback).items():
            choices = [each for each in (kind, *get_args(kind)) if isinstance(each, EnumType)]
            if choices and given.get(name) is not None:
                choices[0](given[name])
    except Exception as error:
        return f"{line}: {getattr(error, 'message', error)}"
    return f"{line}: too much, {left}" if left else None


def wrong_names(code):
    """Say which of ``eegsep``'s names and keywords in some code there are not; nothing is run."""
    wrong, known = [], {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "eegsep":
            for alias in node.names:
                try:
                    known[alias.asname or alias.name] = _imported(node.module, alias.name)
                except (ImportError, AttributeError) as error:
                    wrong.append(str(error))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "eegsep":
                    module = import_module(alias.name)
                    known[alias.asname or "eegsep"] = (
                        module if alias.asname else import_module("eegsep")
                    )
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            try:
                called = _looked_up(node.func, known)
            except AttributeError as error:
                wrong.append(str(error))
                continue
            if called is not None:
                parameters = inspect.signature(called).parameters
                if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
                    name = ast.unparse(node.func)
                    words = [word.arg for word in node.keywords if word.arg]
                    wrong += [f"{name} has no {word}" for word in words if word not in parameters]
    return wrong


def _imported(module, name):
    try:
        return getattr(import_module(module), name)
    except AttributeError:
        return import_module(f"{module}.{name}")


def _looked_up(node, known):
    """Give what a name or a chain of attributes stands for; None where it is not of eegsep."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _looked_up(node.value, known)
        return None if owner is None else getattr(owner, node.attr)
    return None
