# Counts the primes below a limit with a sieve and says where it ran: the demonstration's program.
import os
import sys
import time

LIMIT = 2_000_000


def count_primes(limit):
    sieve = bytearray([1]) * limit
    sieve[0:2] = b"\0\0"
    for number in range(2, int(limit**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return sum(sieve)


started = time.monotonic()
count = count_primes(LIMIT)
seconds = time.monotonic() - started

print(f"Python {sys.version.split()[0]} as uid {os.getuid()} on {os.uname().nodename}, Linux {os.uname().release}")
print(f"{count} primes below {LIMIT}, counted in {seconds:.2f} s")
