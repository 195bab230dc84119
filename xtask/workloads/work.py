# An interpreter at work: words counted in dictionaries, objects, sorting, big integers, strings and exceptions.
import sys


class Account:
    def __init__(self, name):
        self.name = name
        self.balance = 0

    def move(self, amount):
        if self.balance + amount < 0:
            raise ValueError(self.name)
        self.balance += amount
        return self.balance


def one(seed):
    counts = {}
    for i in range(400):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        word = "w%d" % (seed % 97)
        counts[word] = counts.get(word, 0) + len(word)
    accounts = [Account(name) for name in sorted(counts, key=lambda w: (counts[w], w))]
    refused = 0
    for i, account in enumerate(accounts):
        try:
            account.move(counts[account.name] - i)
        except ValueError:
            refused += 1
    text = ",".join(a.name.upper() for a in accounts if a.balance % 3)
    big = 1
    for part in text.split(","):
        big = big * (int(part[1:] or 0) + 7) % (1 << 521)
    return (seed + refused + big + sum(a.balance for a in accounts)) & 0x7FFFFFFF


state = 1
for _ in range(int(sys.argv[1])):
    state = one(state)
print("checksum %016x" % state)
