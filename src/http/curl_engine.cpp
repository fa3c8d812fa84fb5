// C++ regime.
#include "http/curl_engine.hpp"

#include <algorithm>

#include <curl/curl.h>

#include "core/error.hpp"
#include "http/curl_transfer.hpp"
#include "http/signal_block.hpp"

#include "core/pure.hpp"

namespace ob::http {

namespace {

// Pools with kept connections. Those in use may be more for a while.
constexpr std::size_t kKeptPools = 8;

void initialise_library() {
	const SignalBlock block;
	static const CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT);
	if (rc != CURLE_OK)
		throw Error(ErrorCode::internal, "could not set up the HTTP library",
		            std::string("reason: ") + curl_easy_strerror(rc));
}

} // namespace

CurlEngine::CurlEngine(Reactor &reactor, const TransportSettings &settings, std::string_view version)
    : reactor_(reactor), settings_(settings), user_agent_("openbanking/" + std::string(version)) {
	initialise_library();
}

CurlEngine::~CurlEngine() = default;

CurlPool &CurlEngine::pool(std::uint64_t key, const std::shared_ptr<const HostPolicy> &hosts) {
	for (auto &pool : pools_) {
		if (pool->retired || pool->key() != key)
			continue;
		if (&pool->hosts() == hosts.get() || pool->hosts() == *hosts) {
			pool->last_used = ++uses_;
			return *pool;
		}
		pool->retired = true;
	}
	sweep();

	if (pools_.size() >= kKeptPools) {
		auto oldest = pools_.end();
		for (auto it = pools_.begin(); it != pools_.end(); ++it)
			if ((*it)->idle() && (oldest == pools_.end() || (*it)->last_used < (*oldest)->last_used))
				oldest = it;
		if (oldest != pools_.end())
			pools_.erase(oldest);
	}
	pools_.push_back(std::make_unique<CurlPool>(*this, reactor_, key, hosts));
	pools_.back()->last_used = ++uses_;
	return *pools_.back();
}

void CurlEngine::sweep() noexcept {
	std::erase_if(pools_, [](const auto &pool) { return pool->retired && pool->idle(); });
}

CurlEngine::Transfers::iterator CurlEngine::enter(CurlTransfer &transfer, std::size_t max_buffered) {
	max_buffered_ = max_buffered;
	return transfers_.insert(transfers_.end(), &transfer);
}

void CurlEngine::leave(Transfers::iterator place) noexcept {
	ended(**place);
	transfers_.erase(place);
	sweep();
	pump();
}

bool CurlEngine::admit(CurlTransfer &transfer, std::size_t size) noexcept {
	if (stats_.buffered + size > max_buffered_ && privileged_ != &transfer) {
		if (!privileged_)
			privileged_ = oldest_holder(&transfer); // if that one is paused, pump() resumes it
		if (privileged_ != &transfer) {
			++stats_.times_paused;
			return false;
		}
	}
	stats_.buffered += size;
	stats_.most_buffered = std::max(stats_.most_buffered, stats_.buffered);
	return true;
}

void CurlEngine::ended(CurlTransfer &transfer) noexcept {
	if (privileged_ == &transfer)
		privileged_ = nullptr;
}

CurlTransfer *CurlEngine::oldest_holder(const CurlTransfer *asking) const noexcept {
	const auto it = std::find_if(transfers_.begin(), transfers_.end(), [&](const CurlTransfer *t) {
		return (t == asking || t->holds()) && !has_bytes_to_take(t->loop());
	});
	return it == transfers_.end() ? nullptr : *it;
}

bool CurlEngine::has_bytes_to_take(const Loop *loop) const noexcept {
	return std::any_of(transfers_.begin(), transfers_.end(),
	                   [&](const CurlTransfer *t) { return t->has_bytes_to_take() && t->loop() == loop; });
}

void CurlEngine::pump() noexcept {
	// Resuming may end a transfer, which calls this again.
	if (pumping_)
		return;
	pumping_ = true;
	for (;;) {
		bool waiting = false;
		for (CurlTransfer *transfer : transfers_) {
			if (transfer->paused() && !full())
				transfer->resume();
			waiting |= transfer->paused();
		}
		if (!waiting)
			break;
		if (!privileged_)
			privileged_ = oldest_holder(nullptr);
		if (!privileged_ || !privileged_->paused())
			break;
		privileged_->resume();
	}
	pumping_ = false;
}

void CurlEngine::fail_all(CurlPool &pool) noexcept {
	for (CurlTransfer *transfer : transfers_)
		if (transfer->pool() == &pool)
			transfer->abort(Stop::cannot_wait);
}

CurlTransport::Stats CurlEngine::stats() const noexcept {
	CurlTransport::Stats stats = stats_;
	stats.running = transfers_.size();
	stats.pools = pools_.size();
	return stats;
}

} // namespace ob::http

#include "core/pure.hpp"
