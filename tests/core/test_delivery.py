"""Messages to other programs: their signature and their waits."""

from __future__ import annotations

import base64
import itertools

from evenhand.core.delivery import LONGEST_MS, TRIES, next_try, sign


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks specification's reference library."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_waits_grow_and_end_after_a_day() -> None:
    waits = [next_try(tries, 0) for tries in range(1, TRIES + 1)]
    assert waits[:3] == [5_000, 10_000, 20_000] and waits[-1] is None
    sent = [wait for wait in waits if wait is not None]
    assert len(sent) == TRIES - 1 and all(a <= b for a, b in itertools.pairwise(sent))
    assert max(sent) == LONGEST_MS and 24 * 3_600_000 <= sum(sent) < 25 * 3_600_000
    assert next_try(1, 1_000) == 6_000
