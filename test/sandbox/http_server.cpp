#include "http_server.hpp"

#include <set>
#include <stdexcept>
#include <thread>

#include <sys/socket.h>
#include <sys/time.h>

#include "connection.hpp"

namespace ob::sandbox {

namespace {

constexpr int kBacklog = 4096; // httplib's own queue of 5 would drop connections of a burst
constexpr std::size_t kFiller = 1U << 16U;
constexpr std::chrono::seconds kKeepAlive{3600};
constexpr std::chrono::seconds kPeerLimit{600};
constexpr std::size_t kKeepAliveCount = 1'000'000; // only announced

// A thread per connection, made when none is idle: hundreds of kept-alive connections must not wait for each other.
class GrowingPool final : public httplib::TaskQueue {
public:
	void enqueue(std::function<void()> task) override {
		const std::lock_guard lock(mutex_);
		tasks_.push_back(std::move(task));
		if (idle_ < tasks_.size()) {
			threads_.emplace_back([this] { work(); });
		}
		wake_.notify_one();
	}
	void shutdown() override {
		{
			const std::lock_guard lock(mutex_);
			stopping_ = true;
		}
		wake_.notify_all();
		for (std::thread &thread : threads_) {
			thread.join();
		}
	}

private:
	void work() {
		std::unique_lock lock(mutex_);
		for (;;) {
			++idle_;
			wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
			--idle_;
			if (tasks_.empty()) {
				return;
			}
			const std::function<void()> task = std::move(tasks_.front());
			tasks_.pop_front();
			lock.unlock();
			task();
			lock.lock();
		}
	}

	std::mutex mutex_;
	std::condition_variable wake_;
	std::deque<std::function<void()>> tasks_;
	std::vector<std::thread> threads_;
	std::size_t idle_ = 0;
	bool stopping_ = false;
};

std::shared_ptr<SSL_CTX> make_tls(const TlsFiles &files) {
	std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
	// The documented protocol is TLS 1.2; newer is fine, older is not.
	SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
	if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
		throw std::runtime_error("cannot read the TLS certificate or key");
	}
	return context;
}

thread_local Connection *current_connection = nullptr;

} // namespace

class HttpServer::Impl final : public httplib::Server {
public:
	Impl(Simulator &simulator, const std::string &host, int port, const TlsFiles *tls) : simulator_(simulator) {
		if (tls != nullptr) {
			tls_ = make_tls(*tls);
		}
		const auto route = [this](const httplib::Request &request, httplib::Response &response) {
			answer(request, response);
		};
		Get(".*", route);
		Post(".*", route);
		Put(".*", route);
		Patch(".*", route);
		Delete(".*", route);
		new_task_queue = [] { return new GrowingPool; };
		set_tcp_nodelay(true);
		// httplib puts these on the socket, where they also bound TLS; a client that pauses is not to be hung up on.
		set_read_timeout(kPeerLimit);
		set_write_timeout(kPeerLimit);
		set_keep_alive_timeout(kKeepAlive.count());
		set_keep_alive_max_count(kKeepAliveCount);
		if (port == 0) {
			port = bind_to_any_port(host);
		} else if (!bind_to_port(host, port)) {
			port = -1;
		}
		if (port < 0) {
			throw std::runtime_error("cannot listen on " + host);
		}
		::listen(svr_sock_, kBacklog);
		url_ = (tls_ ? "https://" : "http://") + host + ":" + std::to_string(port);
	}

	void stop_all() {
		stopping_ = true;
		stop();
		const std::lock_guard lock(sockets_mutex_);
		for (const int socket : sockets_) {
			::shutdown(socket, SHUT_RDWR);
		}
	}

	std::string url_;

private:
	bool process_and_close_socket(socket_t socket) override {
		{
			const std::lock_guard lock(sockets_mutex_);
			sockets_.insert(socket);
		}
		const bool reset = serve_connection(socket);
		{
			const std::lock_guard lock(sockets_mutex_);
			sockets_.erase(socket);
		}
		if (reset) {
			const linger at_once{1, 0};
			setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
		} else {
			::shutdown(socket, SHUT_RDWR);
		}
		::close(socket);
		return true;
	}

	// True if the connection is to be reset.
	bool serve_connection(socket_t socket) {
		Connection connection(socket, tls_.get(), stopping_);
		if (simulator_.stalls_connection()) {
			connection.hold();
			return false;
		}
		if (!connection.open()) {
			return false;
		}
		current_connection = &connection;
		bool closed = false;
		while (!closed && connection.wait_for_request(kKeepAlive)) {
			// Compressing a page takes longer than sending it over loopback.
			const auto plain = [](httplib::Request &request) { request.headers.erase("Accept-Encoding"); };
			const bool good = process_request(connection, false, closed, plain);
			if (!connection.finish() || !good) {
				break;
			}
		}
		current_connection = nullptr;
		return connection.wants_reset();
	}

	void answer(const httplib::Request &from, httplib::Response &to) {
		Request request;
		request.method = from.method;
		request.path = from.path;
		const std::size_t question = from.target.find('?');
		request.query = question == std::string::npos ? "" : from.target.substr(question + 1);
		request.headers.assign(from.headers.begin(), from.headers.end());
		request.body = from.body;
		const std::string host = from.get_header_value("Host");
		request.base_url = host.empty() ? url_ : (tls_ ? "https://" : "http://") + host;

		Response response = simulator_.handle(request);
		to.status = response.status;
		for (const auto &[key, value] : response.headers) {
			to.set_header(key, value);
		}
		if (response.more) {
			to.set_chunked_content_provider(response.content_type,
			                                [more = response.more](size_t, httplib::DataSink &sink) {
				                                const std::string piece = more();
				                                if (piece.empty()) {
					                                sink.done();
					                                return true;
				                                }
				                                return sink.write(piece.data(), piece.size());
			                                });
			return;
		}
		const std::uint64_t filler = response.delivery.filler_bytes;
		current_connection->set_delivery(response.delivery);
		if (filler == 0) {
			to.body = std::move(response.body);
			if (!response.content_type.empty()) {
				to.set_header("Content-Type", response.content_type);
			}
			return;
		}
		const auto body = std::make_shared<const std::string>(std::move(response.body));
		const std::uint64_t total = body->size() + filler;
		const auto piece = [body, total](size_t offset, httplib::DataSink &sink) {
			static const std::string blanks(kFiller, ' ');
			return offset < body->size() ? sink.write(body->data() + offset, body->size() - offset)
			                             : sink.write(blanks.data(), std::min<std::uint64_t>(kFiller, total - offset));
		};
		if (response.delivery.chunked) {
			to.set_chunked_content_provider(response.content_type,
			                                [piece, total](size_t offset, httplib::DataSink &sink) {
				                                if (offset < total) {
					                                return piece(offset, sink);
				                                }
				                                sink.done();
				                                return true;
			                                });
		} else {
			to.set_content_provider(
			    total, response.content_type,
			    [piece](size_t offset, size_t, httplib::DataSink &sink) { return piece(offset, sink); });
		}
	}

	Simulator &simulator_;
	std::shared_ptr<SSL_CTX> tls_;
	std::atomic<bool> stopping_{false};
	std::mutex sockets_mutex_;
	std::set<int> sockets_;
};

HttpServer::HttpServer(Simulator &simulator, const std::string &host, int port, const TlsFiles *tls)
    : impl_(std::make_unique<Impl>(simulator, host, port, tls)) {}

HttpServer::~HttpServer() = default;

const std::string &HttpServer::url() const {
	return impl_->url_;
}
void HttpServer::serve() {
	impl_->listen_after_bind();
}
void HttpServer::stop() {
	impl_->stop_all();
}

} // namespace ob::sandbox
