-- What was learnt by an earlier rule of weighing is learnt anew: no rule reads what another one kept.

UPDATE adaptive SET number = 0, version = -1;
