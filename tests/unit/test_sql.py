"""No SQL is built from values: every text that reaches the database is made of our own constants.

The models are read as source. The text of each statement is followed back: through names, joins and f-strings to
constants, through a parameter to every call of its function. What ends elsewhere, such as in a value, fails.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pytest

from conf.settings import ROOT

RUN_SQL = {"execute", "execute_prepared", "_prepare", "fetch_all", "fetch_one", "_run", "_fetch_all", "_stream"}
"""Functions whose first argument is SQL. Inside them it is their caller's."""
MARKS = {"placeholders"}
"""Functions whose text holds `%s` only, whatever they are given."""
TRUSTED = {
    "database._session_settings": "the time limit, a number of the settings",
    "server.refused_statements": "the names of our tables and columns, as the database has them",
    "official.count": "a name of services/official",
    "official.contents": "names of services/official, a character set and a collation of the official database",
    "official._expression": "names of services/official",
}
"""Functions that put more than constants into SQL, and what that is. None of it comes from a request."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Place(NamedTuple):
    """A node and where it stands."""

    module: str
    function: Function | None
    node: ast.expr

    def at(self, node: ast.expr) -> "Place":
        return self._replace(node=node)

    def __str__(self) -> str:
        name = self.function.name if self.function else ""
        return f"{self.module}.{name}: {ast.unparse(self.node)}"


class Sources:
    """The modules, by name."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.trees = {name: ast.parse(text) for name, text in texts.items()}

    @cached_property
    def places(self) -> list[Place]:
        """All expressions."""
        return [
            Place(module, function, node)
            for module, tree in self.trees.items()
            for function, node in walk(tree, None)
            if isinstance(node, ast.expr)
        ]

    @cached_property
    def calls(self) -> list[Place]:
        return [place for place in self.places if isinstance(place.node, ast.Call)]

    def functions(self, name: str) -> Iterator[tuple[str, Function]]:
        """The functions and methods of this name, with their modules."""
        for module, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, Function) and node.name == name:
                    yield module, node

    def from_values(self) -> list[str]:
        """The texts of SQL that are made of more than constants."""
        return [str(place) for place in self.statements() if not self.is_ours(place, frozenset())]

    def constants(self, module: str) -> dict[str, ast.expr]:
        """What a module assigns to its names."""
        assigned = [node for node in self.trees[module].body if isinstance(node, ast.Assign)]
        return {name_of(target): node.value for node in assigned for target in node.targets}

    def statements(self) -> Iterator[Place]:
        """What is run as SQL."""
        for call in self.calls:
            assert isinstance(call.node, ast.Call)
            passed_on = call.function is not None and call.function.name in RUN_SQL
            if name_of(call.node.func) in RUN_SQL and call.node.args and not passed_on:
                yield call.at(call.node.args[0])
            yield from (call.at(each.value) for each in call.node.keywords if each.arg == "init_command")

    def is_ours(self, place: Place, seen: frozenset[str]) -> bool:
        """True for an expression that is made of constants alone."""
        node = place.node
        if str(place) in seen or (place.function and f"{place.module}.{place.function.name}" in TRUSTED):
            return True
        seen |= {str(place)}
        match node:
            case ast.Constant():
                return True
            case ast.Name():
                return self.is_ours_by_name(place, node.id, seen)
            case ast.Call():
                return self.returns_ours(place, node, None, seen)
            case ast.Attribute(attr="_fields"):  # the names in a NamedTuple
                return True
        parts = parts_of(node)
        return parts is not None and all(self.is_ours(place.at(part), seen) for part in parts)

    def returns_ours(self, place: Place, call: ast.Call, index: int | None, seen: frozenset[str]) -> bool:
        """True when a call returns constants; with an index, in this item of what it returns."""
        name = name_of(call.func)
        if name in MARKS:
            return True
        if name == "join" and isinstance(call.func, ast.Attribute):
            return all(self.is_ours(place.at(part), seen) for part in (call.func.value, *call.args))
        returned = [
            Place(module, function, node.value)
            for module, function in self.functions(name)
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
        ]
        if index is not None:
            returned = [each.at(each.node.elts[index]) for each in returned if isinstance(each.node, ast.Tuple)]
        return bool(returned) and all(self.is_ours(each, seen) for each in returned)

    def is_ours_by_name(self, place: Place, name: str, seen: frozenset[str]) -> bool:
        """True when all that a variable, a parameter or a constant of a module can be is ours."""
        if place.function is not None:
            if bound := list(bindings(place.function, name)):
                return all(self.is_bound_to_ours(place, value, index, seen) for value, index in bound)
            parameters = [each.arg for each in place.function.args.args]
            if name in parameters:
                return self.gets_ours(place.function, parameters, name, seen)
        values = [
            Place(module, None, self.constants(module)[name]) for module in self.trees if name in self.constants(module)
        ]
        return bool(values) and all(self.is_ours(each, seen) for each in values)

    def is_bound_to_ours(self, place: Place, value: ast.expr, index: int | None, seen: frozenset[str]) -> bool:
        if isinstance(value, ast.Await):
            value = value.value
        if index is None or not isinstance(value, ast.Call):
            return self.is_ours(place.at(value), seen)
        return self.returns_ours(place, value, index, seen)

    def gets_ours(self, function: Function, parameters: Sequence[str], name: str, seen: frozenset[str]) -> bool:
        """True when every call gives this parameter a constant."""
        given = list(self.arguments(function, parameters, name))
        return bool(given) and all(self.is_ours(each, seen) for each in given)

    def arguments(self, function: Function, parameters: Sequence[str], name: str) -> Iterator[Place]:
        """What the calls of a function, or partial(function, ...), give to a parameter."""
        index = parameters.index(name) - (parameters[0] in ("self", "cls"))
        for call in self.calls:
            assert isinstance(call.node, ast.Call)
            called, given = called_with(call.node)
            its_own = isinstance(called, ast.Name) and called.id in self.constants(call.module)  # such as a partial
            if name_of(called) == function.name and index < len(given) and not its_own:
                yield call.at(given[index])


def called_with(call: ast.Call) -> tuple[ast.expr, list[ast.expr]]:
    """The function and the arguments of a call, also of partial(function, ...) and of partial(function, ...)(...)."""
    if name_of(call.func) == "partial":
        return call.args[0], call.args[1:]
    if isinstance(call.func, ast.Call):
        called, given = called_with(call.func)
        return called, [*given, *call.args]
    return call.func, call.args


def walk(tree: ast.AST, function: Function | None) -> Iterator[tuple[Function | None, ast.AST]]:
    """All nodes, each with the function around it."""
    for node in ast.iter_child_nodes(tree):
        yield function, node
        yield from walk(node, node if isinstance(node, Function) else function)


def name_of(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def parts_of(node: ast.expr) -> list[ast.expr] | None:
    """The expressions of which the text of another is made; None for one that could be anything."""
    match node:
        case ast.JoinedStr():
            return list(node.values)
        case ast.FormattedValue() | ast.Starred():
            return [node.value]
        case ast.BinOp(op=ast.Mult()):  # a list, repeated
            return [node.left]
        case ast.BinOp():
            return [node.left, node.right]
        case ast.Tuple() | ast.List():
            return list(node.elts)
        case ast.IfExp():
            return [node.body, node.orelse]
        case ast.ListComp() | ast.GeneratorExp():
            return [node.elt]
        case _:
            return None


def bindings(function: Function, name: str) -> Iterator[tuple[ast.expr, int | None]]:
    """What is assigned to a local name, or iterated over by it, and the item of it if it is unpacked."""
    for node in ast.walk(function):
        targets = (
            [(target, node.value) for target in node.targets]
            if isinstance(node, ast.Assign)
            else [(node.target, node.iter)]
            if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)
            else []
        )
        for target, value in targets:
            if isinstance(target, ast.Tuple):
                yield from ((value, index) for index, each in enumerate(target.elts) if name_of(each) == name)
            elif isinstance(target, ast.Name) and target.id == name:
                yield value, None


def modules() -> dict[str, str]:
    return {path.stem: path.read_text() for path in (ROOT / "models").glob("*.py")}


def test_no_sql_is_built_from_values() -> None:
    assert Sources(modules()).from_values() == []


def test_all_statements_are_looked_at() -> None:
    assert len(list(Sources(modules()).statements())) > 60


def test_only_models_use_what_takes_names_of_tables() -> None:
    others = [path for layer in ("handlers", "services", "scripts") for path in Path(ROOT / layer).rglob("*.py")]
    assert [
        path for path in others if "models.rows" in path.read_text() or "models import rows" in path.read_text()
    ] == []


@pytest.mark.parametrize("trusted", TRUSTED)
def test_nothing_is_trusted_without_need(monkeypatch: pytest.MonkeyPatch, trusted: str) -> None:
    monkeypatch.delitem(TRUSTED, trusted)
    assert Sources(modules()).from_values()


@pytest.mark.parametrize(
    "body",
    [
        "await db.execute(f\"DELETE FROM tb_ugc WHERE userid = '{userid}'\")",
        'await db.fetch_one("SELECT 1 FROM tb_ugc WHERE userid = " + userid)',
        "await db.fetch_all(\"SELECT 1 FROM tb_ugc WHERE userid = '%s'\" % userid)",
        'await db.fetch_all("SELECT 1 FROM tb_ugc WHERE userid = {}".format(userid))',
        'sql = "SELECT 1"\n    if userid:\n        sql = userid\n    await db.fetch_all(sql)',
        'await db.fetch_all(f"SELECT 1 FROM {helper(userid)}")',
        'where, args = pair(userid)\n    await db.fetch_all(f"SELECT 1 {where}", args)',
        'names = [name for name in userid]\n    await db.fetch_all(", ".join(names))',
        'await db.fetch_all(f"SELECT 1 ORDER BY {userid.column}")',
        "await query(db, userid)",
        "await partial(query, db)(userid)",
    ],
)
def test_a_statement_with_a_value_is_found(body: str) -> None:
    source = f"""
def helper(text):
    return f"tb_{{text}}"

def pair(text):
    return f"WHERE {{text}}", []

async def query(db, text):
    await db.execute(text)

async def find(db, userid):
    {body}

async def handler(db, request):
    await find(db, request.userid)
    await query(db, "SELECT 1")
"""
    assert Sources({"model": source}).from_values()


@pytest.mark.parametrize(
    "body",
    [
        'await db.execute("DELETE FROM tb_ugc WHERE userid = %s", (userid,))',
        'await db.execute(f"SELECT 1 FROM {TABLE} WHERE userid IN ({placeholders(userid)})", userid)',
        'columns = [name for name in NAMES if name in userid]\n    await db.execute(", ".join(columns), userid)',
        'await db.execute("SELECT 1" + (" FROM tb_ugc" if userid else ""))',
        'await query(db, "SELECT 2")',
    ],
)
def test_a_statement_of_constants_is_none(body: str) -> None:
    source = f"""
TABLE = "tb_ugc"
NAMES = ("a", "b")

async def query(db, text):
    await db.execute(text)

async def find(db, userid):
    {body}
    await query(db, "SELECT 1")
"""
    assert Sources({"model": source}).from_values() == []
