#include "pg/store/keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "core/error.hpp"
#include "pg/settings.hpp"

namespace ob::pg::store {

namespace {

constexpr std::size_t kMaxKeyFile = 64 * 1024; // thousands of keys: anything larger is another file

class File {
public:
	explicit File(const char *path) : fd_(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
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

[[noreturn]] void refuse(std::string message, std::string hint) {
	throw Error(ErrorCode::not_configured, std::move(message), "setting: openbanking.key_file", std::move(hint));
}

void check_owner_and_mode(const struct stat &status) {
	if (!S_ISREG(status.st_mode))
		refuse("the key file is not a regular file", "Name a file that holds lines of id:base64.");
	if (status.st_uid != geteuid() && status.st_uid != 0)
		refuse("the key file belongs to another account", "Make the server's account its owner.");
	const bool group_may_read = (status.st_mode & S_IRGRP) != 0 && status.st_uid != 0;
	if ((status.st_mode & (S_IRWXO | S_IWGRP | S_IXGRP)) != 0 || group_may_read)
		refuse("the key file can be read by others",
			   "chmod 0600 (or 0640 if it belongs to root and the server's group).");
}

WipedString read_all(int fd) {
	WipedString text;
	std::array<char, 4096> chunk;
	ssize_t count;
	while ((count = read(fd, chunk.data(), chunk.size())) > 0) {
		text.append(chunk.data(), static_cast<std::size_t>(count));
		if (text.size() > kMaxKeyFile)
			break;
	}
	wipe(chunk.data(), chunk.size());
	if (count < 0 || text.size() > kMaxKeyFile)
		refuse("the key file could not be read", "It holds lines of id:base64, 64 kB at most.");
	return text;
}

} // namespace

crypto::KeyRing load_keys() {
	const char *path = settings::key_file();
	if (path[0] == '\0')
		throw Error(ErrorCode::not_configured, "no key to seal secrets with",
					"openbanking.key_file is not set: nothing is stored in clear",
					"Make a key with: (umask 077; echo \"1:$(openssl rand -base64 32)\" > /path/to/keys), owned by the "
					"server's account; then set openbanking.key_file to that path.");
	const File file(path);
	struct stat status {};
	if (file.fd() < 0 || fstat(file.fd(), &status) != 0)
		refuse("the key file cannot be opened", "Check the path and that the server's account may read it.");
	check_owner_and_mode(status);
	const WipedString text = read_all(file.fd());
	return crypto::KeyRing::parse(text);
}

} // namespace ob::pg::store
