/* Code in the page cache: files that are mapped, rewritten while they are mapped, cut to nothing and filled with other
 * pages, replaced by another file at the same address, read into executable memory, and executed as programs. */
#define _GNU_SOURCE
#include "code.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 2, ROOM = PAGES * PAGE };

static int create(const char *name)
{
    int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0755);
    if (file < 0 || ftruncate(file, ROOM) != 0)
        fail_errno(name);
    return file;
}

static void write_at(int file, const void *bytes, size_t size, size_t offset)
{
    if (pwrite(file, bytes, size, offset) != (ssize_t)size)
        fail_errno("pwrite");
}

/* A random program, written to a random place of the file. */
static size_t fill(int file, struct program *program, uint64_t *seed)
{
    uint8_t code[LONGEST_CODE];
    random_program(program, seed);
    size_t size = encode(program, code), offset = random_place(PAGES, size, seed);
    write_at(file, code, size, offset);
    return offset;
}

static void check_mappings(const int files[2], uint64_t n, uint64_t *seed)
{
    struct program program;
    int flags = n & 1 ? MAP_SHARED : MAP_PRIVATE;
    size_t offset = fill(files[0], &program, seed);
    uint8_t *map = mmap(0, ROOM, PROT_READ | PROT_EXEC, flags, files[0], 0);
    if (map == MAP_FAILED)
        fail_errno("mmap of a file");
    check_program(&program, map + offset, "a mapped file", n);
    offset = fill(files[0], &program, seed);
    check_program(&program, map + offset, "a file rewritten while it is mapped", n);
    if (ftruncate(files[0], 0) != 0 || ftruncate(files[0], ROOM) != 0)
        fail_errno("ftruncate");
    offset = fill(files[0], &program, seed);
    check_program(&program, map + offset, "a file with new pages", n);
    offset = fill(files[1], &program, seed);
    if (mmap(map, ROOM, PROT_READ | PROT_EXEC, flags | MAP_FIXED, files[1], 0) != map)
        fail_errno("mmap of a file over another");
    check_program(&program, map + offset, "another file in the same place", n);
    munmap(map, ROOM);
}

/* read(2) into memory that is executed, at the address by which it is. */
static void check_read(int file, uint8_t *memory, uint64_t n, uint64_t *seed)
{
    struct program program;
    size_t offset = fill(file, &program, seed);
    if (pread(file, memory, ROOM, 0) != ROOM)
        fail_errno("pread");
    check_program(&program, memory + offset, "memory that was read into", n);
}

/* The same file as another program: it exits with the low byte of its function's value. */
static void check_execution(const char *name, uint64_t n, uint64_t *seed)
{
    enum { LOAD = 0x400000, ENTRY = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) };
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr segment;
        uint8_t code[LONGEST_CODE + 32];
    } image = {
        .header = {
            .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
            .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_entry = LOAD + ENTRY,
            .e_phoff = sizeof(Elf64_Ehdr), .e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1,
        },
        .segment = { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = LOAD, .p_align = PAGE },
    };
    image.segment.p_filesz = image.segment.p_memsz = sizeof image;
    uint32_t argument = n * 99;
    struct program program;
    random_program(&program, seed);
    /* mov edi, argument; call function; movzx edi, al; mov eax, exit; syscall; function: */
    uint8_t start[] = {
        0xbf, 0, 0, 0, 0, 0xe8, 10, 0, 0, 0, 0x0f, 0xb6, 0xf8, 0xb8, 60, 0, 0, 0, 0x0f, 0x05,
    };
    memcpy(start + 1, &argument, 4);
    memcpy(image.code, start, sizeof start);
    encode(&program, image.code + sizeof start);
    int file = open(name, O_WRONLY | O_CREAT, 0755);
    if (file < 0)
        fail_errno(name);
    write_at(file, &image, sizeof image, 0);
    close(file);
    pid_t pid = fork();
    if (pid == 0) {
        execl(name, name, NULL);
        fail_errno("execve");
    }
    int status, expected = evaluate(&program, argument) & 0xff;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != expected)
        fail("a program written for round %llu ended with %x, not %02x", (unsigned long long)n, status, expected);
}

void from_files(uint64_t count)
{
    uint64_t seed = 5;
    int files[2] = { create("/tmp/code-1"), create("/tmp/code-2") };
    uint8_t *memory = map_anonymous(ROOM, PROT_READ | PROT_WRITE | PROT_EXEC);
    for (uint64_t n = 0; n < count; n++) {
        progress("from-files", n, count);
        check_mappings(files, n, &seed);
        check_read(files[0], memory, n, &seed);
        check_execution("/tmp/code-3", n, &seed);
    }
    munmap(memory, ROOM);
    close(files[0]);
    close(files[1]);
    unlink("/tmp/code-1");
    unlink("/tmp/code-2");
    unlink("/tmp/code-3");
}
