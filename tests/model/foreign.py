"""Small tokenizers as other projects ship them, written to a directory in the Hugging Face form."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

TEXTS = [
    "user assistant system tool Hello there, how are you today? I am fine.",
    "The history of the city is long, and nobody has written all of it down: 1234567890.",
    "def f(x):\n    return x + 1\n\nprint(f(41))  # forty-two — naïve café 東京 🙂",
]

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Mistral's manner: no system message, user and assistant must alternate, the start is written
ALTERNATING = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant') }}{% endif %}"
    "{% if message['role'] == 'user' %}[INST] {{ message['content'] }} [/INST]"
    "{% else %} {{ message['content'] }}{{ eos_token }}{% endif %}{% endfor %}"
)


def byte_level(
    specials: list[str], *, start: str | None = None, vocabulary: int = 400
) -> Tokenizer:
    """Return a byte-level BPE tokenizer, GPT-2's kind; `start` is put before every text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[AddedToken(token, special=True) for token in specials],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 4, trainer)
    if start:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{start} $A", special_tokens=[(start, tokenizer.token_to_id(start))]
        )
    return tokenizer


def sentencepiece(specials: list[str]) -> Tokenizer:
    """Return a BPE tokenizer that falls back to bytes and marks spaces, Llama-2's kind."""
    alphabet = [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = [*specials, *alphabet, "\u2581", *"abcdefghijklmnopqrstuvwxyzABHIT,.?:"]
    merges = [("t", "h"), ("th", "e"), ("\u2581", "the"), ("\u2581", "a")]
    tokens += ["".join(pair) for pair in merges]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, unk_token=specials[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("\u2581", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in specials])
    return tokenizer


def write(directory: Path, tokenizer: Tokenizer, **files: object) -> Path:
    """Write tokenizer.json and, by name without `.json`, the files beside it."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"))
    for name, value in files.items():
        (directory / f"{name}.json").write_text(json.dumps(value))
    return directory


def chatml(directory: Path) -> Path:
    """Write a tokenizer in the manner of Qwen and SmolLM."""
    tokenizer = byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return write(
        directory,
        tokenizer,
        tokenizer_config={
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "chat_template": CHATML,
        },
        generation_config={"eos_token_id": [2, 0]},
    )


def alternating(directory: Path) -> Path:
    """Write a tokenizer in the manner of Mistral and Llama 2."""
    tokenizer = sentencepiece(["<unk>", "<s>", "</s>"])
    return write(
        directory,
        tokenizer,
        tokenizer_config={
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": {"__type": "AddedToken", "content": "<s>"},
            "eos_token": {"__type": "AddedToken", "content": "</s>"},
            "unk_token": {"__type": "AddedToken", "content": "<unk>"},
            "chat_template": [
                {"name": "default", "template": ALTERNATING},
                {"name": "tool_use", "template": "never"},
            ],
        },
    )


def base(directory: Path) -> Path:
    """Write a tokenizer in the manner of GPT-2: no chat template, one special token."""
    return write(
        directory,
        byte_level(["<|endoftext|>"]),
        tokenizer_config={
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|endoftext|>",
            "eos_token": "<|endoftext|>",
        },
    )
