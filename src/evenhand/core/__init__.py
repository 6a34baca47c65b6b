"""The pure core: views and a moment in, events or a refusal out. Nothing here does I/O."""
