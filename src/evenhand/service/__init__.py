"""The verbs: load a view, ask the core, append. One page a topic; each verb has the same shape."""
