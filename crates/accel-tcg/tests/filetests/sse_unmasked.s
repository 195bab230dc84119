# Unmasked exceptions: the host's units are not used.
# mode: long
# state: mxcsr=0x1d80 xmm1=0x3ff0000000000000 xmm2=0x4000000000000000
    .intel_syntax noprefix
    addsd xmm1, xmm2
    divsd xmm1, xmm2

# insns: 2 guest, 7 host, 8 cold, 76 bytes
# exits: 0 refused, 1 unlinked, 2 interpreted, 0 after handlers, 0 faults
# after:
#   2 instructions
#   ymm1=0000000000000000_0000000000000000_0000000000000000_3ff8000000000000
