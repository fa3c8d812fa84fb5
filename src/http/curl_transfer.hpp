// Internal to http/: one request on its way, an awaitable that lives in the frame of CurlTransport::send. C++ regime.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "http/curl_engine.hpp"
#include "http/curl_error.hpp"

struct curl_slist;

#include "core/pure.hpp"

namespace ob::http {

/// Destroying it while it runs aborts the request, without waiting for anything.
class CurlTransfer {
public:
	CurlTransfer(CurlEngine &engine, Request request);
	~CurlTransfer();
	CurlTransfer(const CurlTransfer &) = delete;
	CurlTransfer &operator=(const CurlTransfer &) = delete;

	/// Throws Error, std::bad_alloc; it is not running then.
	void start();

	/// If it ended because its kept connection was already closed, so that nothing has been sent: starts it on a new
	/// one and says so. Throws like start().
	bool begin_anew();

	bool await_ready() const noexcept { return ended_; }
	template <class Promise>
	void await_suspend(std::coroutine_handle<Promise> handle) noexcept {
		sender_ = &handle.promise().node;
	}
	void await_resume() const noexcept {}

	/// The answer, once; throws Error for what is none.
	Response take();

	/// Whether any of the request may have left: libcurl asks us before each sending.
	bool sent() const noexcept { return ready_ != Instant{}; }

	// ---- for the engine and the pool ----

	const CurlPool *pool() const noexcept { return pool_; }
	bool paused() const noexcept { return paused_ && !ended_; }
	bool holds() const noexcept { return !ended_ && (paused_ || !body_.empty()); }
	bool has_bytes_to_take() const noexcept { return ended_ && body_size_ > 0; }
	const Loop *loop() const noexcept { return sender_ ? sender_->loop() : nullptr; }
	void resume() noexcept;
	/// Ends it with libcurl's code. Not from a callback of libcurl's.
	void finish(int code) noexcept;
	void abort(Stop reason) noexcept;

private:
	struct Callbacks;
	using Instant = std::chrono::steady_clock::time_point;

	void launch();
	void build_headers();
	void add_header_line(const Header &header);
	void set_options();
	void set_method();
	std::size_t receive_header(std::string_view line);
	std::size_t receive_body(const char *data, std::size_t size);
	Outcome outcome() const;
	void check_answer() const;

	CurlEngine &engine_;
	Request request_;
	Limits limits_;
	std::optional<CurlEngine::Transfers::iterator> place_;
	CurlPool *pool_ = nullptr;
	void *easy_ = nullptr;
	bool added_ = false;
	std::vector<WipedString> header_lines_;
	std::vector<curl_slist> header_nodes_;
	std::shared_ptr<const HostPolicy> hosts_;
	std::string host_;
	std::string scheme_;
	bool any_address_ = false;

	ReadyNode *sender_ = nullptr;
	bool ended_ = false;
	bool paused_ = false;
	int code_ = 0;
	Stop stop_ = Stop::none;
	int refused_addresses_ = 0;
	int opened_sockets_ = 0;
	char curl_text_[256] = {}; // CURL_ERROR_SIZE

	int status_ = 0;
	std::vector<std::pair<std::string, std::string>> headers_;
	bool headers_complete_ = false;
	std::size_t header_bytes_ = 0;
	std::size_t header_lines_seen_ = 0;
	std::string body_;
	std::size_t body_size_ = 0; // counted by the engine
	bool room_made_ = false;

	Instant started_{};
	Instant finished_{};
	Instant resolved_{};  // first socket asked for; zero: not reached
	Instant connected_{}; // TCP; known with TLS only
	Instant ready_{};     // about to send the request
	Instant answering_{}; // first byte of the answer
};

} // namespace ob::http

#include "core/pure.hpp"
