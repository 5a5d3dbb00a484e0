import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterable
from keyword import iskeyword
from pathlib import Path

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from schemas import messages_pb2
from tests.schemas.proto_text import Field, read_messages

ROOT = Path(__file__).parent.parent.parent
GENERATED = ("messages_pb2.py", "messages_pb2.pyi")
SCHEMA = read_messages((ROOT / "schemas" / "messages.proto").read_text())


def built_fields(fields: Iterable[FieldDescriptor]) -> list[Field]:
    return [built_field(field) for field in fields]


def built_field(field: FieldDescriptor) -> Field:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        key, value = (built_field(message.fields_by_name[name]).type for name in ("key", "value"))
        return Field(f"map<{key},{value}>", field.name, field.number, False)
    kind = FieldDescriptorProto.DESCRIPTOR.enum_types_by_name["Type"].values_by_number[field.type]
    name = message.name if message else kind.name.removeprefix("TYPE_").lower()
    return Field(name, field.name, field.number, bool(field.is_repeated))


def test_the_generated_code_is_what_the_schema_says() -> None:
    built = {
        name: built_fields(message.fields)
        for name, message in messages_pb2.DESCRIPTOR.message_types_by_name.items()
    }
    assert built == SCHEMA


def test_the_schema_has_nothing_but_messages_of_its_package() -> None:
    file = FileDescriptorProto()
    messages_pb2.DESCRIPTOR.CopyToProto(file)
    assert (file.package, file.syntax) == ("goimbus", "proto3")
    assert not file.enum_type
    assert not file.service
    assert not file.dependency


def test_the_type_stubs_are_what_the_schema_says() -> None:
    tree = ast.parse((ROOT / "schemas" / "messages_pb2.pyi").read_text())
    stubs = {
        node.name: [
            line.target.id
            for line in node.body
            if isinstance(line, ast.AnnAssign)
            and isinstance(line.target, ast.Name)
            and not line.target.id.endswith("_FIELD_NUMBER")
        ]
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    assert stubs == {
        name: [field.name for field in fields if not iskeyword(field.name)]
        for name, fields in SCHEMA.items()
    }


@pytest.mark.parametrize("name", [name for name in SCHEMA if name.endswith("Reply")])
def test_a_reply_can_carry_a_refusal_or_has_its_own_way_to_say_so(name: str) -> None:
    if name == "KeyPushReply":  # counts what was dropped; a gateway refuses nothing else
        return
    assert "error" in {field.name for field in SCHEMA[name]}


if importlib.util.find_spec("grpc_tools"):  # with the tools of a developer: byte for byte

    def test_generating_again_changes_nothing(tmp_path: Path) -> None:
        outputs = [f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
        command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", *outputs]
        subprocess.run([*command, "schemas/messages.proto"], cwd=ROOT, check=True)
        for name in GENERATED:
            expected = (ROOT / "schemas" / name).read_text()
            assert (tmp_path / "schemas" / name).read_text() == expected
