/* Scalar double precision: planets under gravity, with square roots and divisions. */
#include "workloads.h"
#include <math.h>

enum { BODIES = 5 };

struct body { double x, y, z, vx, vy, vz, mass; };

uint64_t nbody(uint64_t count)
{
    struct body b[BODIES];
    uint64_t seed = 31337, sum = 0;
    for (int i = 0; i < BODIES; i++) {
        double *field = &b[i].x;
        for (int k = 0; k < 7; k++)
            field[k] = (double)(next_random(&seed) >> 40) / (1 << 24);
        b[i].x += 3 * i;
        b[i].mass /= i * i + 1;
    }
    for (uint64_t step = 0; step < count; step++) {
        for (int i = 0; i < BODIES; i++)
            for (int j = i + 1; j < BODIES; j++) {
                double dx = b[i].x - b[j].x, dy = b[i].y - b[j].y, dz = b[i].z - b[j].z;
                double square = dx * dx + dy * dy + dz * dz + 0.01;
                double pull = 0.001 / (square * sqrt(square));
                b[i].vx -= dx * b[j].mass * pull;
                b[i].vy -= dy * b[j].mass * pull;
                b[i].vz -= dz * b[j].mass * pull;
                b[j].vx += dx * b[i].mass * pull;
                b[j].vy += dy * b[i].mass * pull;
                b[j].vz += dz * b[i].mass * pull;
            }
        for (int i = 0; i < BODIES; i++) {
            b[i].x += 0.001 * b[i].vx;
            b[i].y += 0.001 * b[i].vy;
            b[i].z += 0.001 * b[i].vz;
        }
    }
    for (int i = 0; i < BODIES; i++)
        sum = fold(sum, bits(b[i].x) ^ bits(b[i].vy));
    return sum;
}
