"""Every file: no machine's paths, no registry's address, hashes for what is installed, links that lead somewhere."""

import ast
import re
import sys
from pathlib import Path

import msgspec
import pytest

from contracts.specs import CATALOG, LEDGER, Spec
from partita.oracle.fields import FRAME
from partita.oracle.rules import FAMILIES, RULES
from tests.house.tree import ROOT, files, modules, texts

MACHINE = re.compile(r"(?<![\w.~$}-])/(?:work|root|home)/")
# In pieces, or this file would break its own rule.
REGISTRY = re.compile("|".join(("index" + "-url", "/sim" + "ple/", "mav" + "en2", "pypi" + r"\.org")))
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|!\[[^\]]*\]\(([^)\s]+)\)")
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))


def places(pattern: re.Pattern[str], name: str, text: str) -> list[str]:
    return [f"{name}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()}" for hit in pattern.finditer(text)]


def test_no_file_knows_a_machine_or_the_address_of_a_registry() -> None:
    found = [place for name, text in texts() for rule in (MACHINE, REGISTRY) for place in places(rule, name, text)]
    assert found == []


@pytest.mark.parametrize("text", ["cd /" + "work/x", '"/' + 'root/plan"', "HOME=/" + "home/me", "(/" + "home/me)"])
def test_a_machine_s_path_would_be_noticed(text: str) -> None:
    assert len(places(MACHINE, "planted", text)) == 1


@pytest.mark.parametrize(
    "text", ["docs/" + "work/x", "example.org/home", "/homework", "$HOME/" + "root/", "a.b/" + "work/c", "~/" + "work/"]
)
def test_other_paths_are_left_alone(text: str) -> None:
    assert places(MACHINE, "planted", text) == []


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_requirements_are_locked_by_hashes_and_name_no_address(path: Path) -> None:
    text = path.read_text("utf-8").replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert packages
    assert [
        line.split()[0] for line in packages if not re.match(r"[\w.\[\],-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
    ] == []
    assert "://" not in text


def test_the_oracle_imports_only_the_standard_library_and_itself() -> None:
    oracle = [module for module in modules("partita") if module.name.startswith("partita/oracle/")]
    found: list[str] = []
    for module in oracle:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, module.name
                found.append(node.module or "")
    assert len(oracle) > 4
    assert {name for name in found if name.split(".")[0] not in sys.stdlib_module_names} == {
        name for name in found if f"{name}.".startswith("partita.oracle.")
    }


def test_the_oracle_knows_every_command_of_the_ledger_with_its_fields_and_no_other() -> None:
    def fields(spec: Spec) -> dict[str, bool]:
        own = msgspec.structs.fields(spec.command)
        return {field.name: field.required for field in own if field.name not in FRAME}

    known = {type_: dict.fromkeys(rule.needed, True) | dict.fromkeys(rule.may, False) for type_, rule in RULES.items()}
    assert known == {spec.type: fields(spec) for spec in CATALOG if spec.context == LEDGER}
    assert len(RULES) == sum(map(len, FAMILIES)), "two families of the oracle have one type"


@pytest.mark.parametrize(
    "path", [path for path in files() if path.suffix == ".md"], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_links_between_documents_lead_to_files(path: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.DOTALL)
    targets = [one or other for one, other in LINK.findall(text)]
    local = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if target and not (path.parent / target).exists()] == []
