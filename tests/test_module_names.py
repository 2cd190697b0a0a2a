"""A name of a module means one thing."""

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("renderapi", "renderws", "renderapps", "benchmarks", "tests")


def assigned(tree):
    """Names that the statements of a module give a value, as often as they do."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                names = (node for node in ast.walk(target) if isinstance(node, ast.Name))
                yield from (name.id for name in names if isinstance(name.ctx, ast.Store))


def test_no_module_gives_a_name_twice():
    doubles = {}
    for path in (p for part in PARTS for p in (ROOT / part).rglob("*.py")):
        counts = Counter(assigned(ast.parse(path.read_text(encoding="utf-8"))))
        if twice := [name for name, count in counts.items() if count > 1]:
            doubles[str(path.relative_to(ROOT))] = twice
    assert doubles == {}
