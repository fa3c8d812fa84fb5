// Typed errors of the pure half, and the one table that gives each its SQLSTATE. C++ regime.
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/pure.hpp"

namespace ob {

enum class ErrorCode {
	invalid_argument,
	unknown_option,
	missing_option,
	unknown_column,
	wrong_column_type,
	not_found,
	not_allowed,
	not_configured,
	not_committed,
	invalid_transaction,
	unsupported,
	limit_exceeded,
	out_of_memory,
	no_worker,
	unreachable,
	deadline,
	bad_reply,
	refused,
	credentials_refused,
	reauth_required,
	rate_limited,
	provider_down,
	unseal_failed,
	address_refused,
	outcome_unknown,
	internal,
};

/// The five characters of SQLSTATE for `code`. Class OB is ours: "log in again" must be told from "try later", and
/// class 08 or 28 would make pools drop the database connection.
constexpr const char *sqlstate(ErrorCode code) {
	switch (code) {
	case ErrorCode::invalid_argument:
		return "22023";
	case ErrorCode::unknown_option:
		return "HV00D";
	case ErrorCode::missing_option:
		return "HV00J";
	case ErrorCode::unknown_column:
		return "HV005";
	case ErrorCode::wrong_column_type:
		return "HV004";
	case ErrorCode::not_found:
		return "42704";
	case ErrorCode::not_allowed:
		return "42501";
	case ErrorCode::not_configured:
	case ErrorCode::not_committed:
		return "55000";
	case ErrorCode::invalid_transaction:
		return "2D000";
	case ErrorCode::unsupported:
		return "0A000";
	case ErrorCode::limit_exceeded:
		return "54000";
	case ErrorCode::out_of_memory:
		return "53200";
	case ErrorCode::no_worker:
		return "53400";
	case ErrorCode::unreachable:
		return "OB001";
	case ErrorCode::deadline:
		return "OB002";
	case ErrorCode::bad_reply:
		return "OB003";
	case ErrorCode::refused:
		return "OB004";
	case ErrorCode::credentials_refused:
		return "OB005";
	case ErrorCode::reauth_required:
		return "OB006";
	case ErrorCode::rate_limited:
		return "OB007";
	case ErrorCode::provider_down:
		return "OB008";
	case ErrorCode::unseal_failed:
		return "OB009";
	case ErrorCode::address_refused:
		return "OB010";
	case ErrorCode::outcome_unknown:
		return "OB011";
	case ErrorCode::internal:
		return "XX000";
	}
	return "XX000";
}

/// An error of ours. `message` is lower case, without full stop and without provider text; `detail` holds the facts
/// (provider, endpoint, HTTP status, provider code, request id); `hint` says what to do next. None holds a secret.
class Error : public std::exception {
public:
	Error(ErrorCode code, std::string message, std::string detail = {}, std::string hint = {})
		: code_(code), message_(std::move(message)), detail_(std::move(detail)), hint_(std::move(hint)) {}

	ErrorCode code() const { return code_; }
	const std::string &message() const { return message_; }
	const std::string &detail() const { return detail_; }
	const std::string &hint() const { return hint_; }
	const char *what() const noexcept override { return message_.c_str(); }

private:
	ErrorCode code_;
	std::string message_;
	std::string detail_;
	std::string hint_;
};

/// What a failed provider call asks of us. One table per provider maps (HTTP status, provider code) to it.
enum class Reaction {
	retry,            // transient: again with back-off
	rate_limited,     // wait as told, else as the sheet says
	institution_down, // the bank is away: try in an hour; the connection stays healthy
	not_ready,        // data are not there yet: no failure
	restart,          // data changed while paging: begin the loop again
	cursor_invalid,   // drop the cursor, full resync
	reauth,           // the user must log in or consent again
	revoked,          // the connection is gone for good: a new link is needed
	permanent,        // repeating is useless
	configuration,    // the operator must act; says nothing about the connection
};

/// A provider's refusal, with what the engine needs to decide.
class ProviderError : public Error {
public:
	ProviderError(ErrorCode code, Reaction reaction, std::string provider_code, std::string message,
				  std::string detail, std::string hint = {},
				  std::optional<std::chrono::seconds> retry_after = std::nullopt, std::string reauth_reason = {})
		: Error(code, std::move(message), std::move(detail), std::move(hint)), reaction_(reaction),
		  provider_code_(std::move(provider_code)), retry_after_(retry_after),
		  reauth_reason_(std::move(reauth_reason)) {}

	Reaction reaction() const { return reaction_; }
	/// The provider's own code, such as ITEM_LOGIN_REQUIRED; empty when it sent none.
	const std::string &provider_code() const { return provider_code_; }
	std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }
	/// With Reaction::reauth: what connections.reauth_reason becomes (login, consent_expired, token_rejected, mfa).
	const std::string &reauth_reason() const { return reauth_reason_; }

private:
	Reaction reaction_;
	std::string provider_code_;
	std::optional<std::chrono::seconds> retry_after_;
	std::string reauth_reason_;
};

/// The user or the server wants this statement to end. Carries nothing: the border asks the server for the reason.
class Interrupted : public std::exception {
public:
	const char *what() const noexcept override { return "interrupted"; }
};

} // namespace ob

#include "core/pure.hpp"
