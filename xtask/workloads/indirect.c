/* Indirect calls and jumps: methods of random objects through tables of pointers, and a computed goto among them. */
#include "workloads.h"

enum { OBJECTS = 1024, KINDS = 8 };

struct object;
typedef uint64_t method(struct object *self, uint64_t arg);
struct object { method *const *methods; uint64_t state; };

#define KIND(n, expression)                                                          \
    static __attribute__((noinline)) uint64_t get##n(struct object *self, uint64_t x) \
    {                                                                                \
        return self->state ^ (expression);                                           \
    }                                                                                \
    static __attribute__((noinline)) uint64_t put##n(struct object *self, uint64_t x) \
    {                                                                                \
        return self->state += (expression);                                          \
    }                                                                                \
    static method *const KIND##n[] = { get##n, put##n };

KIND(0, x + 1)
KIND(1, x * 3)
KIND(2, x ^ 0x55)
KIND(3, x << 3)
KIND(4, x >> 2)
KIND(5, x - 9)
KIND(6, ~x)
KIND(7, x | 16)

uint64_t indirect(uint64_t count)
{
    static method *const *const kinds[KINDS] = { KIND0, KIND1, KIND2, KIND3, KIND4, KIND5, KIND6, KIND7 };
    static struct object objects[OBJECTS];
    static const void *const labels[4] = { &&up, &&down, &&turn, &&keep };
    uint64_t seed = 99, sum = 1;
    for (int i = 0; i < OBJECTS; i++)
        objects[i] = (struct object){ kinds[next_random(&seed) % KINDS], next_random(&seed) };
    for (uint64_t i = 0; i < count; i++) {
        struct object *object = &objects[i % OBJECTS];
        sum = fold(sum, object->methods[0](object, sum));
        sum ^= object->methods[1](object, sum);
        goto *labels[sum >> 17 & 3];
    up:
        sum += 7;
        continue;
    down:
        sum -= i;
        continue;
    turn:
        sum = sum << 7 | sum >> 57;
        continue;
    keep:
        sum ^= i;
    }
    return sum;
}
