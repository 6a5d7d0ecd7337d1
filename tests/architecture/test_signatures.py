"""A walk over the public functions: what every one of them has to offer."""

import importlib
import inspect
import pkgutil

import imscope

HIDDEN = ("imscope.cli", "imscope.app", "imscope.__main__", "imscope.engine.kernels")
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def public():
    """Functions and classes that modules define and rooms export."""
    for found in pkgutil.walk_packages(imscope.__path__, "imscope."):
        if found.name.startswith(HIDDEN):
            continue
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) == module.__name__
            kind = inspect.isfunction(value) or inspect.isclass(value)
            if own and kind and not name.startswith("_"):
                yield f"{module.__name__}.{name}", value


def functions():
    for path, value in public():
        if inspect.isfunction(value):
            yield path, value
            continue
        for name, method in vars(value).items():
            named = inspect.isfunction(method) and method.__name__ == name  # no lambda of a field
            if named and not name.startswith("_"):
                yield f"{path}.{name}", method


FUNCTIONS = dict(functions())
EXPORTED = {
    f"{room}.{name}"
    for room in imscope._ROOMS.values()
    for name in getattr(importlib.import_module(room), "__all__", [])
}


def test_there_is_something_to_walk():
    assert len(FUNCTIONS) > 20
    assert EXPORTED


def test_few_arguments():
    """At most 3 positional and 7 in all where a room exports it, a little more inside."""
    values = [getattr(importlib.import_module(r), n) for r, n in map(_split, EXPORTED)]
    exported = {v for v in values if inspect.isfunction(v)}
    bad = {}
    for path, function in FUNCTIONS.items():
        most_positional, most = (3, 7) if function in exported else (5, 9)
        parameters = [
            p for p in inspect.signature(function).parameters.values() if p.name != "self"
        ]
        positional = [p for p in parameters if p.kind in POSITIONAL]
        if len(positional) > most_positional or len(parameters) > most:
            bad[path] = f"{len(positional)} positional of {len(parameters)}"
    assert not bad


def _split(path):
    return path.rsplit(".", 1)


def test_no_mutable_defaults():
    bad = [
        path
        for path, function in FUNCTIONS.items()
        for p in inspect.signature(function).parameters.values()
        if isinstance(p.default, list | dict | set | bytearray)
    ]
    assert not bad


def test_everything_is_documented():
    assert not [
        path for path, value in {**dict(public()), **FUNCTIONS}.items() if not value.__doc__
    ]


def test_exported_functions_document_their_parameters():
    bad = []
    for path in sorted(EXPORTED):
        room, name = path.rsplit(".", 1)
        value = getattr(importlib.import_module(room), name)
        takes_something = inspect.isfunction(value) and inspect.signature(value).parameters
        if takes_something and "Parameters\n" not in value.__doc__:
            bad.append(path)
    assert not bad


def test_exported_names_exist():
    for path in EXPORTED:
        room, name = path.rsplit(".", 1)
        assert hasattr(importlib.import_module(room), name), path


def test_pytest_collects_nothing_of_ours():
    assert not [
        path for path in dict(public()) if path.rsplit(".", 1)[1].lower().startswith("test")
    ]


def test_no_inplace_and_no_copy():
    bad = [
        path
        for path, function in FUNCTIONS.items()
        if {"inplace", "copy"} & set(inspect.signature(function).parameters)
    ]
    assert not bad
