/* Preloaded into a server: names in .stall.test are looked up as if no name server answered, every other name is this
 * machine, so that no test ever leaves it. A thread that stalls is called "stalled-lookup", for tests to see. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

typedef int (*getaddrinfo_type)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int ends_with(const char *name, const char *end)
{
	size_t length = strlen(name);
	size_t tail = strlen(end);

	return length >= tail && strcmp(name + length - tail, end) == 0;
}

static int is_address(const char *name)
{
	struct in6_addr address;

	return inet_pton(AF_INET, name, &address) == 1 || strchr(name, ':');
}

/* As a real look-up does, it gives up after a while. */
static void stall(void)
{
	const char *seconds = getenv("OB_STALL_SECONDS");
	struct timespec left = {seconds ? atoi(seconds) : 5, 0};
	char name[16] = "";

	prctl(PR_GET_NAME, name);
	prctl(PR_SET_NAME, "stalled-lookup");
	while (nanosleep(&left, &left) != 0)
		;
	prctl(PR_SET_NAME, name);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	static getaddrinfo_type original;

	if (!original)
		original = (getaddrinfo_type)dlsym(RTLD_NEXT, "getaddrinfo");
	if (node && ends_with(node, ".stall.test"))
	{
		stall();
		return EAI_AGAIN;
	}
	return original(!node || is_address(node) ? node : "127.0.0.1", service, hints, result);
}
