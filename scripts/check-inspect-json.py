#!/usr/bin/env python3
"""The documents of `ls --json` and `why --json` are what doc/*.schema.json says.

Usage: check-inspect-json.py [COMMAND | DOCUMENT…]   COMMAND is the program lastack, whose two verbs are run on this host;
anything that ends in .json is a document of one of the kinds. The schemas themselves are always checked: they are valid,
and every member has a description."""
import json
import subprocess
import sys
from pathlib import Path

import jsonschema

DOC = Path(__file__).resolve().parent.parent / "doc"
SCHEMAS = {"lastack snapshot 1": "snapshot.schema.json", "lastack findings 1": "findings.schema.json",
           "lastack fix 1": "fix.schema.json"}


def undescribed(schema, path=""):
    """Members without a description of their own or of what they refer to."""
    for name, member in schema.get("properties", {}).items():
        if "description" not in member and "$ref" not in member:
            yield f"{path}.{name}"
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            for name, member in value.items():
                yield from undescribed(member, f"{path}.{name}")
        elif key == "items":
            yield from undescribed(value, f"{path}[]")


def load_schemas():
    validators, wrong = {}, []
    for form, name in SCHEMAS.items():
        schema = json.loads((DOC / name).read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        wrong += [f"{name}{path} has no description" for path in undescribed(schema)]
        validators[form] = jsonschema.Draft202012Validator(schema)
    return validators, wrong


def check(validators, what, text):
    try:
        document = json.loads(text)
    except ValueError as error:
        return [f"{what}: {error}"]
    validator = validators.get(document.get("format") if isinstance(document, dict) else None)
    if validator is None:
        return [f"{what}: no format that is known"]
    errors = sorted(validator.iter_errors(document), key=lambda error: list(error.absolute_path))
    return [f"{what}: {error.json_path}: {error.message[:200]}" for error in errors[:10]]


def run(command, verb):
    """What a verb writes. `why` says by its status what it found: 0, 1 or 3."""
    done = subprocess.run([command, verb, "--json"], capture_output=True, check=False, timeout=60)
    if done.returncode not in (0, 1, 3):
        sys.exit(f"{command} {verb} --json: status {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return done.stdout


def main():
    validators, wrong = load_schemas()
    count = 0
    for argument in sys.argv[1:]:
        if argument.endswith(".json"):
            documents = [(argument, Path(argument).read_bytes())]
        else:
            documents = [(f"{verb} --json", run(argument, verb)) for verb in ("ls", "why")]
        for what, text in documents:
            wrong += check(validators, what, text)
            count += 1
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(validators)} schemas, {count} documents")


main()
