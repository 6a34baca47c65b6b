-- rowid: slot * 2**32 + number of the task. The words are already split (core/search.py): the tokenizer "ascii"
-- cuts at the blanks between them and leaves all else alone. No positions, no copy of the text.

CREATE VIRTUAL TABLE search USING fts5(words, content='', detail=none, columnsize=0, tokenize='ascii');
