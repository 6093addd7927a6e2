"""Importing this module makes a model directory of ours loadable by `transformers`.

    import chatapp.model.hf
    model = AutoModelForCausalLM.from_pretrained(directory)
    tokenizer = AutoTokenizer.from_pretrained(directory)

`generate`, PEFT, the Trainer and lm-eval work on it, with every attention pattern, and with the
logits of our own engine. `save_pretrained` writes a directory that our own loader reads.
"""

from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from chatapp.model.hf.configuration import ChatappConfig
from chatapp.model.hf.modeling import ChatappForCausalLM
from chatapp.model.hf.tokenization import ChatappTokenizer

__all__ = ["ChatappConfig", "ChatappForCausalLM", "ChatappTokenizer"]

AutoConfig.register(ChatappConfig.model_type, ChatappConfig)
AutoModelForCausalLM.register(ChatappConfig, ChatappForCausalLM)
AutoTokenizer.register(ChatappConfig, fast_tokenizer_class=ChatappTokenizer)
