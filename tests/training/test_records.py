"""Bad records and recipes are refused with the place and the fix."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from chatapp.training.recipe import MissingFile, RecipeError, Source, load_recipe
from chatapp.training.records import RecordError, read_chats, read_texts


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"text\.jsonl:41: not a JSON record"),
        ("[1]", r"text\.jsonl:41: a record is a JSON object, not list"),
        ('{"title": "x"}', r"text\.jsonl:41: a text record needs a string 'text'"),
    ],
)
def test_a_bad_text_record_is_named_by_file_and_line(
    records: Path, line: str, message: str
) -> None:
    with (records / "text.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(RecordError, match=message):
        list(read_texts(records, Source("text.jsonl")))


@pytest.mark.parametrize(
    "messages", ["[]", '[{"role": "robot", "content": "x"}]', '[{"role": "user"}]', "3"]
)
def test_a_bad_conversation_is_named_by_file_and_line(records: Path, messages: str) -> None:
    (records / "chat.jsonl").write_text(f'{{"messages": {messages}}}\n')
    with pytest.raises(RecordError, match=r"chat\.jsonl:1: "):
        list(read_chats(records, Source("chat.jsonl")))


def test_packed_records_are_read_and_a_damaged_pack_is_named(records: Path) -> None:
    packed = lzma.compress((records / "text.jsonl").read_bytes())
    (records / "packed.jsonl.xz").write_bytes(packed)
    plain = list(read_texts(records, Source("text.jsonl")))
    assert list(read_texts(records, Source("packed.jsonl.xz"))) == plain
    (records / "packed.jsonl.xz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(RecordError, match="damaged xz file"):
        list(read_texts(records, Source("packed.jsonl.xz")))


def test_a_cap_is_shared_by_the_files_of_a_source(records: Path) -> None:
    text = (records / "text.jsonl").read_text()
    (records / "more.jsonl").write_text(text.replace('"id": "t', '"id": "m'))
    taken = list(read_texts(records, Source("*e*t.jsonl", max_mb=0.0)))
    capped = list(read_texts(records, Source("[tm]*.jsonl", max_mb=0.004)))
    assert len(taken) == 40
    assert {record.id[0] for record in capped} == {"t", "m"}
    assert len(capped) < 40


def test_a_missing_source_says_how_to_name_the_data(records: Path) -> None:
    with pytest.raises(MissingFile, match="--data DIR"):
        list(read_texts(records, Source("nothing*.jsonl")))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sead = 3", "unknown key 'sead'"),
        ("batch = 4", "batsh = 4", r"\[pretrain\]: unknown key 'batsh'"),
        ("tokens = 1_536", "", r"\[pretrain\]: give exactly one of tokens and minutes"),
        ("sequence = 32", "sequence = 99", r"99 exceeds model.context_length 64"),
        ('"sparse(8, 4)"', '"spurse(8, 4)"', "unknown attention pattern"),
        ("[tokenizer]", "[tokeniser]", "unknown key 'tokeniser'; did you mean 'tokenizer'"),
        ("seed = 3", "seed = ", "not valid TOML"),
        ('[{ path = "text.jsonl" }]', "[]", r"\[pretrain\]: sources must list"),
    ],
)
def test_a_faulty_recipe_names_the_key(recipe_file: Path, old: str, new: str, message: str) -> None:
    recipe_file.write_text(recipe_file.read_text().replace(old, new, 1))
    with pytest.raises(RecipeError, match=message):
        load_recipe(recipe_file)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no recipe at .*gone\.toml"):
        load_recipe(tmp_path / "gone.toml")


def test_the_shipped_recipes_are_valid() -> None:
    directory = Path(__file__).parents[2] / "data" / "recipes"
    names = [load_recipe(path).name for path in sorted(directory.glob("*.toml"))]
    assert names == [
        "browse",
        "cpu-align",
        "cpu-chat",
        "cpu-ladder",
        "cpu-more",
        "cpu-small",
        "cpu-talk",
        "gpt2-124m",
        "gpu-30min",
        "smoke",
    ]
