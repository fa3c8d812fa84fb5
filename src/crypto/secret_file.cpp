#include "crypto/secret_file.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "core/error.hpp"

#include "core/pure.hpp"

namespace ob::crypto {
namespace {

class File {
public:
	// Non-blocking: a pipe without a writer must not hold us up before we can see that it is one.
	explicit File(const char *path) : fd_(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
	File(const File &) = delete;
	File &operator=(const File &) = delete;
	~File() {
		if (fd_ >= 0)
			close(fd_);
	}
	int fd() const { return fd_; }

private:
	int fd_;
};

struct Trouble {
	const char *what;
	const char *hint;
};

/// Why such a file must not be used; nothing if it may.
std::optional<Trouble> trouble_with(const struct stat &status) {
	const bool of_root = status.st_uid == 0;
	if (!S_ISREG(status.st_mode))
		return Trouble{"is not a regular file", "Name a file."};
	if (status.st_uid != geteuid() && !of_root)
		return Trouble{"belongs to another account", "Make the account that reads it its owner, or root."};
	if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return Trouble{"can be written by others", "chmod 0600 it."};
	const mode_t forbidden = S_IRWXO | S_IXGRP | (of_root ? 0 : S_IRGRP);
	if ((status.st_mode & forbidden) != 0)
		return Trouble{"can be read by others", "chmod 0600 it (or 0640 if it belongs to root)."};
	return std::nullopt;
}

} // namespace

WipedString read_secret_file(const std::string &path, std::string_view what, std::string_view named_by) {
	const auto refuse = [&](const std::string &why, const std::string &more, std::string hint) {
		throw Error(ErrorCode::not_configured, "the " + std::string(what) + " " + why,
		            std::string(named_by) + (more.empty() ? "" : ", " + more), std::move(hint));
	};
	const auto refuse_by_system = [&](const char *why) {
		refuse(why, std::generic_category().message(errno),
		       "Check the path, and that the account that reads it may do so.");
	};
	const File file(path.c_str());
	struct stat status {};
	if (file.fd() < 0 || fstat(file.fd(), &status) != 0)
		refuse_by_system("cannot be opened");
	if (const std::optional<Trouble> trouble = trouble_with(status))
		refuse(trouble->what, {}, trouble->hint);

	WipedString text;
	std::array<char, 4096> chunk;
	ssize_t count;
	while ((count = read(file.fd(), chunk.data(), chunk.size())) > 0 && text.size() <= kMaxSecretSize)
		text.append(chunk.data(), static_cast<std::size_t>(count));
	wipe(chunk.data(), chunk.size());
	if (count < 0)
		refuse_by_system("cannot be read");
	if (text.size() > kMaxSecretSize)
		refuse("is too large", {}, "It may have 64 kB at most.");
	return text;
}

} // namespace ob::crypto

#include "core/pure.hpp"
