/*
 * A kernel module with a bug that kills the kernel much later: it writes beyond a name, over the function that the kernel
 * calls when it powers off. `cargo xtask gdb-test` walks back from the oops to the store.
 *
 * No headers of the kernel: MODULE_SIZE and INIT_AT are those of `struct module` in the kernel's own modules.
 */

struct notifier_block {
	int (*call)(struct notifier_block *, unsigned long, void *);
	struct notifier_block *next;
	int priority;
};

int register_reboot_notifier(struct notifier_block *);

static int greeter_say_goodbye(struct notifier_block *block, unsigned long event, void *what)
{
	(void)block, (void)event, (void)what;
	return 0;
}

static struct greeter {
	unsigned long name[2];
	struct notifier_block goodbye;
} greeter = { { 0, 0 }, { greeter_say_goodbye, 0, 0 } };

/* Sixteen bytes and a terminating zero: a word too many. The label is for the test's eyes. */
static const unsigned long long_name[] = { 0x6d206e6920746163, 0x20646e6120656c69, 0x006b636162206f67 };

static __attribute__((noinline)) void greeter_rename(struct greeter *it, const unsigned long *name)
{
	unsigned long *to = it->name;

	do
		__asm__ volatile(".globl greeter_culprit\ngreeter_culprit: mov %1, %0" : "=m"(*to++) : "r"(*name) : "memory");
	while (*name++ >> 56);
}

int init_module(void)
{
	int error = register_reboot_notifier(&greeter.goodbye);

	if (!error)
		greeter_rename(&greeter, long_name);
	return error;
}

/* What the kernel's macros and its build make of a module. */
static const char info[] __attribute__((section(".modinfo"), used)) = "license=GPL\0name=greeter";

__asm__(".pushsection .gnu.linkonce.this_module,\"aw\",@progbits\n"
	".balign 64\n"
	"0: .org 0b + 24\n"
	".asciz \"greeter\"\n"
	".org 0b + " INIT_AT "\n"
	".quad init_module\n"
	".org 0b + " MODULE_SIZE "\n"
	".popsection\n");
