"""Rules that a machine can read off the sources: names, circles of imports, variables. `RULES` has them all."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "ostinato"

PARTICIPLES = {"found", "wanted", "said", "told", "held", "kept", "made", "drawn"}
"""Names of variables that say how a value came about and not what it is."""

TWINS = {"RNN", "LSTM", "GRU"}
"""A cell of ostinato.cells and the layer of torch.nn's that is named like it."""


FRONTS = {
    "ostinato": "its functions (load, train) are the package's front: they import what they call, when they are called",
}
"""Modules whose imports in functions close no circle, each with the reason."""


@dataclass(frozen=True, eq=False)
class Module:
    """A parsed file; `name` is its dotted name, a package's that of its folder; `nodes` are all of its tree."""

    name: str
    path: Path
    tree: ast.Module
    lines: list[str]
    nodes: list[ast.AST]

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def is_public(self) -> bool:
        return not any(part.startswith("_") for part in self.name.split("."))


@cache
def modules() -> dict[str, Module]:
    """Every module of the package by its dotted name."""
    known = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        known[name] = parsed(name, path, path.read_text())
    return known


def parsed(name: str, path: Path, text: str) -> Module:
    """The module of a text."""
    tree = ast.parse(text)
    return Module(name, path, tree, text.splitlines(), list(ast.walk(tree)))


def package_of(module: Module) -> str:
    """The package or file right below `ostinato` that a module belongs to."""
    return [*module.name.split("."), ""][1]


def classes(module: Module) -> Iterator[ast.ClassDef]:
    """The public classes at a module's top."""
    return (node for node in module.tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))


@cache
def imported_names(module: Module) -> dict[str, tuple[str, str]]:
    """What a name in the module stands for where it was imported from the package: its module and its name there."""
    names = {}
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ostinato"):
            for alias in node.names:
                names[alias.asname or alias.name] = (node.module, alias.name)
    return names


def repeated_classes() -> Iterator[str]:
    """Public class names that two modules define, but for a cell and its twin."""
    homes = defaultdict(list)
    for module in modules().values():
        for node in classes(module):
            homes[node.name].append(module.name)
    for name, places in homes.items():
        twins = name in TWINS and {place.split(".")[1] for place in places} == {"cells", "nn"}
        if len(places) > 1 and not (twins and len(places) == 2):
            yield f"class {name}: {', '.join(places)}"


def aliases(module: Module) -> dict[str, ast.expr]:
    """The names that a module gives to types, and the types."""
    named = {}
    for node in module.tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias" and node.value:
            named[ast.unparse(node.target)] = node.value
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            target = ast.unparse(node.targets[0])
            if target[0].isupper() and not target.isupper():
                named[target] = node.value
    return named


def repeated_aliases() -> dict[str, list[str]]:
    """Names of types that several modules define, with the modules."""
    homes = defaultdict(list)
    for module in modules().values():
        for name in aliases(module):
            homes[name].append(module.name)
    return {name: places for name, places in homes.items() if len(places) > 1}


def shadowed_modules() -> Iterator[str]:
    """Names that a package gives by `__getattr__` and that one of its modules has: importing it replaces them."""
    for module in modules().values():
        if not any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in module.tree.body):
            continue
        for node in module.nodes:
            names = [alias.asname or alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            names += [node.name] if isinstance(node, ast.FunctionDef) else []
            for name in names:
                if f"{module.name}.{name}" in modules():
                    yield f"export {module.name}.{name}: a module has this name"


def participles() -> Iterator[str]:
    """Variables and parameters that are named for how they came about."""
    for module in modules().values():
        names = {node.id for node in module.nodes if isinstance(node, ast.Name) and _stores(node)}
        names |= {node.arg for node in module.nodes if isinstance(node, ast.arg)}
        for name in sorted(names):
            if name.strip("_") in PARTICIPLES:
                yield f"variable {module.name}: {name}"


def _stores(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def imports(module: Module, everywhere: bool) -> set[str]:
    """The modules that are run when this one is imported; `everywhere`: and those that functions or types import."""
    targets = set()
    for node in _statements(module.tree, everywhere and module.name not in FRONTS):
        if isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                targets.add(below if below in modules() else node.module)
    return (targets & modules().keys()) - {module.name}


def _statements(node: ast.AST, everywhere: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and not everywhere:
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test) and not everywhere:
            continue
        yield child
        yield from _statements(child, everywhere)


def circles(everywhere: bool) -> list[frozenset[str]]:
    """Sets of files that import one another (Tarjan's strongly connected components)."""
    graph = {name: imports(module, everywhere) for name, module in modules().items()}
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    components = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in number:
                visit(target)
                lowest[name] = min(lowest[name], lowest[target])
            elif target in stack:
                lowest[name] = min(lowest[name], number[target])
        if lowest[name] == number[name]:
            component = set()
            while name not in component:
                component.add(stack.pop())
            if len(component) > 1:
                components.append(frozenset(component))

    for name in graph:
        if name not in number:
            visit(name)
    return components


def file_circles() -> Iterator[str]:
    """Circles of files that import one another: at the top of files, and with the imports of functions and types."""
    for circle in circles(everywhere=False):
        yield f"circle at import of {', '.join(sorted(circle))}"
    for circle in circles(everywhere=True):
        yield f"circle {', '.join(sorted(circle))}"


RULES = {
    "class": repeated_classes,
    "export": shadowed_modules,
    "circle": file_circles,
    "variable": participles,
}
"""A rule gives a line for every violation, which begins with the rule's name."""
