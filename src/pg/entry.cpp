#include "pg/entry.hpp"

#include <cstring>

namespace ob::pg {

namespace {

/// Cut before a character that does not fit: half of one would be invalid to a client with another encoding.
template <std::size_t Size>
void copy_text(char (&to)[Size], const char *from) noexcept {
	const auto continues = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; };
	std::size_t length = strnlen(from, Size - 1);
	while (length > 0 && continues(from[length]))
		--length;
	std::memcpy(to, from, length);
	to[length] = '\0';
}

int make_sqlstate(const char *text) noexcept {
	return MAKE_SQLSTATE(text[0], text[1], text[2], text[3], text[4]);
}

/// Raises a copied server error as it was and lets go of the one raised before: raising copies once more and never
/// returns, so each error is freed by its successor.
[[noreturn]] void raise_server_error(HeldError *error) {
	static HeldError *last = nullptr;
	HeldError *previous = last;
	last = error;
	release(previous);
	ReThrowError(error->data);
}

} // namespace

void Failure::set(const ServerError &error) noexcept {
	if (error.data()) {
		kind = Kind::server;
		server = error.hold();
	} else {
		set(ErrorCode::out_of_memory, "out of memory");
	}
}

void Failure::set(const Error &error) noexcept {
	set(error.code(), error.message().c_str());
	copy_text(detail, error.detail().c_str());
	copy_text(hint, error.hint().c_str());
}

void Failure::set(ErrorCode code, const char *text) noexcept {
	kind = Kind::ours;
	sqlstate = make_sqlstate(ob::sqlstate(code));
	copy_text(message, text);
	detail[0] = hint[0] = '\0';
}

void raise(const Failure &failure) {
	switch (failure.kind) {
	case Failure::Kind::interrupted:
		CHECK_FOR_INTERRUPTS();
		// The request was withdrawn meanwhile, but the work is already undone.
		ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("canceling statement due to user request")));
		break;
	case Failure::Kind::server:
		raise_server_error(failure.server);
		break;
	case Failure::Kind::ours:
		ereport(ERROR, (errcode(failure.sqlstate), errmsg_internal("%s", failure.message),
		                failure.detail[0] ? errdetail_internal("%s", failure.detail) : 0,
		                failure.hint[0] ? errhint("%s", failure.hint) : 0));
		break;
	}
	pg_unreachable();
}

} // namespace ob::pg
