"""What requests look like, as JSON Schema: the one source for checking them and for /openapi.json.

Fields that are not named here are accepted and ignored, as clients send more every year; fields
that would change the answer and cannot be honoured are refused (`UNSUPPORTED`).
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

MOST_CHOICES = 16
MOST_STOPS = 16
MOST_ALTERNATIVES = 20
MOST_IDS = 2**17  # more than any model here reads
MOST_PARTS = 4096
_MOST_TOKENS = 2**31 - 1
_LARGEST_SEED = 2**63 - 1


def _number(low: float, high: float, what: str) -> Schema:
    return {"type": ["number", "null"], "minimum": low, "maximum": high, "description": what}


def _integer(low: int, high: int, what: str) -> Schema:
    return {"type": ["integer", "null"], "minimum": low, "maximum": high, "description": what}


def _flag(what: str) -> Schema:
    return {"type": ["boolean", "null"], "description": what}


_MODEL: Schema = {"type": "string", "minLength": 1, "description": "An id of /v1/models."}
_STOP: Schema = {
    "description": "Texts that end the answer and are no part of it.",
    "anyOf": [
        {"type": "null"},
        {"type": "string"},
        {"type": "array", "maxItems": MOST_STOPS, "items": {"type": "string"}},
    ],
}

SAMPLING: Schema = {
    "temperature": _number(0, 5, "0 always takes the likeliest token."),
    "top_p": _number(0, 1, "Choose among the best tokens of this total."),
    "top_k": _integer(0, 2**31, "Extension. Choose among so many best tokens; 0: all."),
    "min_p": _number(0, 1, "Extension. Drop tokens less likely than this times the likeliest."),
    "repetition_penalty": _number(0.1, 10, "Extension. Above 1 discourages repeats."),
    "presence_penalty": _number(-2, 2, "Off the logit of every token that was said."),
    "frequency_penalty": _number(-2, 2, "Off it for each time that it was said."),
    "logit_bias": {
        "type": ["object", "null"],
        "description": "Added to logits, by token id.",
        "maxProperties": 1024,
        "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100},
    },
    "seed": _integer(-(2**63), _LARGEST_SEED, "Makes the answer repeatable."),
    "stop": _STOP,
    "max_tokens": _integer(1, _MOST_TOKENS, "Longest answer, in tokens."),
    "n": _integer(1, MOST_CHOICES, "How many answers."),
    "stream": _flag("Send the answer in server-sent events."),
    "stream_options": {
        "type": ["object", "null"],
        "properties": {"include_usage": _flag("Send the counts of tokens at the end.")},
    },
    "user": {"type": ["string", "null"]},
}

_CONTENT: Schema = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "array",
            "maxItems": MOST_PARTS,
            "items": {
                "type": "object",
                "required": ["type"],
                "properties": {"type": {"type": "string"}, "text": {"type": "string"}},
            },
        },
        {"type": "null"},
    ]
}
_CALL: Schema = {
    "type": "object",
    "required": ["function"],
    "properties": {
        "id": {"type": "string"},
        "type": {"const": "function"},
        "function": {
            "type": "object",
            "required": ["name", "arguments"],
            "properties": {"name": {"type": "string"}, "arguments": {"type": "string"}},
        },
    },
}
_MESSAGE: Schema = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
        "content": _CONTENT,
        "name": {"type": ["string", "null"]},
        "tool_calls": {
            "anyOf": [{"type": "array", "maxItems": MOST_PARTS, "items": _CALL}, {"type": "null"}]
        },
        "tool_call_id": {"type": ["string", "null"]},
    },
}
_TOOL: Schema = {
    "type": "object",
    "required": ["type", "function"],
    "properties": {
        "type": {"const": "function"},
        "function": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "pattern": "^[a-zA-Z0-9_.-]{1,128}$"},
                "description": {"type": ["string", "null"]},
                "parameters": {"type": ["object", "null"]},
                "strict": _flag("Arguments follow the schema in any case."),
            },
        },
    },
}
_TOOL_CHOICE: Schema = {
    "anyOf": [
        {"type": "null"},
        {"enum": ["none", "auto", "required"]},
        {
            "type": "object",
            "required": ["type", "function"],
            "properties": {
                "type": {"const": "function"},
                "function": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}},
                },
            },
        },
    ]
}
_RESPONSE_FORMAT: Schema = {
    "type": ["object", "null"],
    "required": ["type"],
    "properties": {"type": {"enum": ["text", "json_object", "json_schema"]}},
    # no anyOf: of a json_schema without its schema it would say that the type is unknown
    "if": {"required": ["type"], "properties": {"type": {"const": "json_schema"}}},
    "then": {
        "required": ["json_schema"],
        "properties": {
            "json_schema": {
                "type": "object",
                "required": ["schema"],
                "properties": {"name": {"type": "string"}, "schema": {"type": "object"}},
            },
        },
    },
}

CHAT: Schema = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {
        "model": _MODEL,
        "messages": {"type": "array", "minItems": 1, "maxItems": 4096, "items": _MESSAGE},
        **SAMPLING,
        "max_completion_tokens": _integer(1, _MOST_TOKENS, "The newer name of max_tokens."),
        "logprobs": _flag("Report how likely each token was."),
        "top_logprobs": _integer(0, MOST_ALTERNATIVES, "And so many likeliest others."),
        "tools": {"anyOf": [{"type": "array", "maxItems": 128, "items": _TOOL}, {"type": "null"}]},
        "tool_choice": _TOOL_CHOICE,
        "parallel_tool_calls": _flag("Whether several tools may be called at once."),
        "response_format": _RESPONSE_FORMAT,
        "store": _flag("Model `chatapp` only: keep this chat in the person's history."),
        "metadata": {"type": ["object", "null"]},
    },
}

COMPLETION: Schema = {
    "type": "object",
    "required": ["model", "prompt"],
    "properties": {
        "model": _MODEL,
        "prompt": {
            "description": "A text, up to 16 texts, or the token ids of one.",
            "type": ["string", "array"],
            "minItems": 1,
            # no anyOf: of two sorts of lists it could not tell which one was meant
            "if": {"prefixItems": [{"type": "integer"}]},
            "then": {"maxItems": MOST_IDS, "items": {"type": "integer", "minimum": 0}},
            "else": {"maxItems": 16, "items": {"type": "string"}},
        },
        **SAMPLING,
        "echo": _flag("Send the prompt before its continuation."),
        "logprobs": _integer(0, MOST_ALTERNATIVES, "Report tokens and so many likeliest others."),
    },
}

EMBEDDINGS: Schema = {
    "type": "object",
    "required": ["model", "input"],
    "properties": {
        "model": _MODEL,
        "input": {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 2048,
                    "items": {"type": "string", "minLength": 1},
                },
            ]
        },
        "encoding_format": {"enum": ["float", "base64", None]},
        "dimensions": _integer(1, 65536, "Only the embedder's own number is possible."),
    },
}

# Fields that would change the answer, with what a client may do instead.
UNSUPPORTED = {
    "functions": "use tools",
    "function_call": "use tool_choice",
    "audio": "this model writes text only",
    "prediction": "leave it out; repeated text is guessed anyway",
    "web_search_options": "the model chatapp answers from the sources in the index",
    "suffix": "this model only continues a text",
    "best_of": "use n",
}
