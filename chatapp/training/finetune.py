"""Supervised fine-tuning on conversations, with the loss on the assistant's words alone."""

from __future__ import annotations

from chatapp.model.gpt import GPT
from chatapp.training.loop import Trainer, mean_loss
from chatapp.training.objectives import next_token
from chatapp.training.prepare import chat_shards
from chatapp.training.shards import PackedBatches
from chatapp.training.stages import RunContext

_VALIDATION_BATCHES = 8


class Finetune:
    """From a language model to one that answers and stops."""

    name = "finetune"

    def run(self, context: RunContext) -> None:
        """Train the pretrained model to the end of the budget; leave the tuned one."""
        recipe, settings = context.recipe, context.recipe.finetune
        train, validation = chat_shards(context, self.name, settings.sources)
        model = context.load_model("pretrain")
        packing = {"sequence": settings.sequence, "batch": settings.batch, "seed": recipe.seed}
        held_out = PackedBatches(validation, **packing)

        def evaluate(model: GPT) -> dict[str, float]:
            return {"validation_loss": mean_loss(model, held_out, _VALIDATION_BATCHES)}

        trainer = Trainer(
            context,
            self.name,
            model,
            settings,
            PackedBatches(train, **packing),
            next_token,
            evaluate=evaluate,
        )
        trainer.run()
        context.write_model(self.name, model)
        context.complete(self.name, {"steps": trainer.step, "seconds": trainer.seconds})
