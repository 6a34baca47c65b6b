-- What was sent back to an annotator is found by the annotator, however many of their answers were judged.

CREATE INDEX judgement_returned ON judgement (person) WHERE outcome = 'returned';
