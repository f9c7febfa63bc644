"""Judge words that may be misread by a language model: any causal model, with any tokenizer, and no prompt."""
