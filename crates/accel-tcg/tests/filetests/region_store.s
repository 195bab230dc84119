# A region that fills memory.
# mode: long
# state: rax=0x1122334455667788 rdi=0x9000 rcx=4
    .intel_syntax noprefix
1:  mov [rdi], rax
    mov [rdi+8], eax
    mov byte ptr [rdi+12], 7
    add rdi, 16
    dec rcx
    jnz 1b

# after:
#   24 instructions
#   rcx=0x0
#   rdi=0x9040
#   rflags=0x46
#   [0x9000]=88 77 66 55 44 33 22 11 88 77 66 55 07 00 00 00
#   [0x9010]=88 77 66 55 44 33 22 11 88 77 66 55 07 00 00 00
#   [0x9020]=88 77 66 55 44 33 22 11 88 77 66 55 07 00 00 00
#   [0x9030]=88 77 66 55 44 33 22 11 88 77 66 55 07 00 00 00
# clif:
#   region 1000: 6 instructions, entered 1 times for 24
#   block0(v0: i64):
#       v1 = load.i64 notrap aligned v0+gpr.rax
#       v2 = load.i64 notrap aligned v0+gpr.rcx
#       v8 = load.i64 notrap aligned v0+gpr.rdi
#       v17 = load.i32 notrap aligned v0+left
#       v18 = iconst.i64 -9223372036854775808
#       v19 = bxor v8, v18  ; v18 = -9223372036854775808
#       v20 = iconst.i64 1
#       v21 = bor v19, v20  ; v20 = 1
#       v3 = iconst.i64 0
#     1000 mov [rdi],rax
#       jump block1(v17, v2, v8, v21, v3)  ; v3 = 0
#   block1(v23: i32, v28: i64, v29: i64, v31: i64, v49: i64):
#       v181 = iconst.i32 6
#       v182 = isub v23, v181  ; v181 = 6
#       v183 = iconst.i32 0
#       v184 = icmp slt v182, v183  ; v183 = 0
#       brif v184, block2, block3
#   block3:
#       v32 = isub.i64 v29, v31
#       v185 = iconst.i64 4083
#       v186 = icmp ugt v32, v185  ; v185 = 4083
#       brif v186, block6, block5(v49, v31)
#   block5(v48: i64, v150: i64):
#       v50 = iadd.i64 v29, v48
#     1000 mov [rdi],rax
#       store.i64 notrap v1, v50
#       v208 = ireduce.i32 v1
#       v209 = iconst.i64 8
#     1003 mov [rdi+0x8],eax
#       v54 = iadd v50, v209  ; v209 = 8
#       store notrap v208, v54
#       v210 = iconst.i8 7
#       v211 = iconst.i64 12
#     1006 mov byte ptr [rdi+0xc],0x7
#       v57 = iadd v50, v211  ; v211 = 12
#       store notrap v210, v57  ; v210 = 7
#       jump block8(v150, v48)
#   block8(v149: i64, v154: i64):
#       v212 = iconst.i64 1
#       v213 = icmp.i64 eq v28, v212  ; v212 = 1
#     1011 jne 0x1000
#       brif v213, block21, block22
#   block22:
#     1011 jne 0x1000
#       v147 = iconst.i64 5
#       store notrap aligned v147, v0+region_flags  ; v147 = 5
#       v214 = iconst.i64 1
#       v215 = isub.i64 v28, v214  ; v214 = 1
#       store notrap aligned v215, v0+region_flags+8
#     100a add rdi,0x10
#       v127 = iconst.i64 16
#       v128 = iadd.i64 v29, v127  ; v127 = 16
#     100e dec rcx
#       v133 = icmp ult v128, v29
#     1011 jne 0x1000
#       v148 = uextend.i64 v133
#       store notrap aligned v148, v0+region_flags+16
#       jump block1(v182, v215, v128, v149, v154)
#   17 cold blocks
