// Files with keys: who else could read or write one decides whether it is taken.
#include "crypto/secret_file.hpp"

#include <cstdio>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"

namespace ob::crypto {
namespace {

class SecretFile : public ::testing::Test {
protected:
	void TearDown() override { std::remove(path.c_str()); }

	void make(std::string_view content, mode_t mode) {
		std::remove(path.c_str());
		const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
		ASSERT_GE(fd, 0);
		ASSERT_EQ(write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
		ASSERT_EQ(fchmod(fd, mode), 0);
		close(fd);
	}
	/// Its content, or why it is refused.
	std::string taken() const {
		try {
			return std::string(read_secret_file(path, "key file", "setting: x"));
		} catch (const Error &error) {
			EXPECT_EQ(error.code(), ErrorCode::not_configured);
			EXPECT_TRUE(error.detail().starts_with("setting: x")) << error.detail();
			EXPECT_FALSE(error.hint().empty());
			EXPECT_EQ((error.message() + error.detail() + error.hint()).find("canary"), std::string::npos);
			return error.message();
		}
	}

	const std::string path = ::testing::TempDir() + "secret_file_test." + std::to_string(getpid());
	const bool root = geteuid() == 0;
};

TEST_F(SecretFile, OwnersAlone) {
	for (const mode_t mode : {0600, 0400, 0700}) {
		make("canary", mode);
		EXPECT_EQ(taken(), "canary") << std::oct << mode;
	}
}

TEST_F(SecretFile, EveryOtherMode) {
	for (mode_t mode = 0; mode <= 077; ++mode) {
		make("canary", 0600 | mode);
		const bool group_reads_roots = root && (mode & ~mode_t{040}) == 0;
		const char *expected = mode == 0 || group_reads_roots ? "canary"
		                       : (mode & 022) != 0            ? "the key file can be written by others"
		                                                      : "the key file can be read by others";
		EXPECT_EQ(taken(), expected) << std::oct << mode;
	}
}

TEST_F(SecretFile, OfAnotherAccount) {
	if (!root)
		GTEST_SKIP() << "only root can give a file away";
	make("canary", 0600);
	ASSERT_EQ(chown(path.c_str(), 12345, 0), 0);
	EXPECT_EQ(taken(), "the key file belongs to another account");
	// Root's own, seen by another account, belongs to root still: whoever may read it may take it.
	ASSERT_EQ(chown(path.c_str(), 0, 12345), 0);
	ASSERT_EQ(chmod(path.c_str(), 0640), 0);
	EXPECT_EQ(taken(), "canary");
}

TEST_F(SecretFile, NotAFile) {
	EXPECT_EQ(taken(), "the key file cannot be opened");
	ASSERT_EQ(mkfifo(path.c_str(), 0600), 0); // without a writer: opening it must not wait
	EXPECT_EQ(taken(), "the key file is not a regular file");
	std::remove(path.c_str());
	ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
	EXPECT_EQ(taken(), "the key file is not a regular file");
}

TEST_F(SecretFile, ALinkIsWhatItPointsTo) {
	make("canary", 0644);
	const std::string link = path + ".link";
	ASSERT_EQ(symlink(path.c_str(), link.c_str()), 0);
	EXPECT_THROW((void)read_secret_file(link, "key file", "setting: x"), Error);
	ASSERT_EQ(chmod(path.c_str(), 0600), 0);
	EXPECT_EQ(read_secret_file(link, "key file", "setting: x"), "canary");
	std::remove(link.c_str());
}

TEST_F(SecretFile, Sizes) {
	make("", 0600);
	EXPECT_EQ(taken(), "");
	make(std::string(kMaxSecretSize, 'c'), 0600);
	EXPECT_EQ(taken().size(), kMaxSecretSize);
	make(std::string(kMaxSecretSize + 1, 'c'), 0600);
	EXPECT_EQ(taken(), "the key file is too large");
}

} // namespace
} // namespace ob::crypto
