# A region without memory: multiply, shift and mix.
# mode: long
# state: rax=0xcbf29ce484222325 rcx=100
    .intel_syntax noprefix
1:  imul rax, rax, 31
    add rax, rdx
    mov rbx, rax
    shr rbx, 13
    xor rax, rbx
    inc rdx
    cmp rdx, rcx
    jne 1b

# after:
#   800 instructions
#   rax=0x6b670a17cb1fe13a
#   rdx=0x64
#   rbx=0x35b2289aa15af
#   rflags=0x46
# clif:
#   region 1000: 8 instructions, entered 1 times for 800
#   block0(v0: i64):
#       v1 = load.i64 notrap aligned v0+gpr.rax
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v3 = load.i64 notrap aligned v0+gpr.rdx
#       v4 = load.i64 notrap aligned v0+gpr.rbx
#       v17 = load.i64 notrap aligned v0+region_flags
#       v18 = load.i64 notrap aligned v0+region_flags+8
#       v19 = load.i64 notrap aligned v0+region_flags+16
#       v20 = load.i32 notrap aligned v0+left
#     1000 imul rax,rax,0x1f
#     100a shr rbx,0xd
#     1014 cmp rdx,rcx
#       jump block1(v20, v1, v3, v4, v17, v18, v19)
#   block1(v21: i32, v97: i64, v98: i64, v99: i64, v100: i64, v101: i64, v102: i64):
#       v132 = iconst.i32 8
#       v133 = isub v21, v132  ; v132 = 8
#       v134 = iconst.i32 0
#       v135 = icmp slt v133, v134  ; v134 = 0
#       brif v135, block2, block3
#   block3:
#       v136 = iconst.i64 1
#       v137 = iadd.i64 v98, v136  ; v136 = 1
#     1017 jne 0x1000
#       v88 = icmp eq v137, v2
#       v138 = iconst.i64 31
#       v139 = imul.i64 v97, v138  ; v138 = 31
#     1004 add rax,rdx
#       v52 = iadd v139, v98
#       v140 = iconst.i64 13
#       v141 = ushr v52, v140  ; v140 = 13
#     100e xor rax,rbx
#       v77 = bxor v52, v141
#       v142 = iconst.i64 3
#     1014 cmp rdx,rcx
#       v86 = isub v137, v2
#     1017 jne 0x1000
#       brif v88, block4, block1(v133, v77, v137, v141, v142, v86, v137)  ; v142 = 3
#   2 cold blocks
