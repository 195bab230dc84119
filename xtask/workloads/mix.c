/* The integer mix that CoreMark made popular, written anew: list work, small matrices, a state machine over text and
 * a CRC over all of it. */
#include "workloads.h"

enum { NODES = 200, N = 20, TEXT = 512 };

struct node { struct node *next; uint16_t key, value; };
static struct node nodes[NODES];
static int16_t ma[N][N], mb[N][N];
static int32_t mc[N][N];
static char text[TEXT];

static uint16_t crc(uint32_t value, uint16_t crc)
{
    for (int i = 0; i < 32; i++, value >>= 1)
        crc = (crc >> 1) ^ (((crc ^ value) & 1) ? 0xa001 : 0);
    return crc;
}

static struct node *reverse(struct node *list)
{
    struct node *done = 0;
    while (list) {
        struct node *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static uint32_t lists(struct node **list, uint16_t round)
{
    uint32_t found = 0;
    for (uint16_t key = round % 7; key < NODES; key += 7) {
        struct node *at = *list;
        while (at && at->key != key)
            at = at->next;
        if (at)
            found += at->value++ ^ key;
        *list = reverse(*list);
    }
    return found;
}

static uint32_t matrices(int16_t round)
{
    uint32_t sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            int32_t dot = 0;
            for (int k = 0; k < N; k++)
                dot += ma[i][k] * mb[k][j];
            mc[i][j] = dot + round;
            sum += ((uint32_t)mc[i][j] >> 2 & 15) * ((uint32_t)mc[i][j] >> 5 & 127);
        }
    ma[(uint16_t)round % N][(uint16_t)round / N % N] ^= sum;
    return sum;
}

/* Numbers, their kinds, and everything that is neither, as a scanner sees them. */
static uint32_t states(void)
{
    enum { START, INTEGER, FRACTION, EXPONENT, INVALID } state = START;
    uint32_t counts[5] = { 0 };
    for (int i = 0; i < TEXT; i++) {
        char c = text[i];
        if (c == ',') {
            counts[state]++;
            state = START;
            continue;
        }
        int digit = c >= '0' && c <= '9';
        switch (state) {
        case START: state = digit || c == '-' || c == '+' ? INTEGER : c == '.' ? FRACTION : INVALID; break;
        case INTEGER: state = digit ? INTEGER : c == '.' ? FRACTION : INVALID; break;
        case FRACTION: state = digit ? FRACTION : c == 'e' ? EXPONENT : INVALID; break;
        case EXPONENT: state = digit || c == '-' ? EXPONENT : INVALID; break;
        case INVALID: break;
        }
    }
    return counts[INTEGER] | counts[FRACTION] << 8 | counts[EXPONENT] << 16 | counts[INVALID] << 24;
}

uint64_t mix(uint64_t count)
{
    static const char symbols[] = "0123456789,,,.-+e5x12";
    uint64_t seed = 4711, sum = 0;
    struct node *list = 0;
    for (int i = 0; i < NODES; i++) {
        nodes[i] = (struct node){ list, i * 73 % NODES, i };
        list = &nodes[i];
    }
    for (int i = 0; i < N * N; i++) {
        ma[i / N][i % N] = next_random(&seed) >> 56;
        mb[i / N][i % N] = next_random(&seed) >> 56;
    }
    for (int i = 0; i < TEXT; i++)
        text[i] = symbols[next_random(&seed) % (sizeof symbols - 1)];
    for (uint64_t i = 0; i < count; i++) {
        uint16_t check = crc(lists(&list, i), 0);
        check = crc(matrices(i), check);
        check = crc(states(), check);
        text[i % TEXT] = symbols[check % (sizeof symbols - 1)];
        sum = fold(sum, check);
    }
    return sum;
}
