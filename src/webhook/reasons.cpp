#include "webhook/reasons.hpp"

#include <array>

#include "core/pure.hpp"

namespace ob::webhook {
namespace {

constexpr std::array kReasons{
    Reason{reason::headers_malformed,
           "The headers are no JSON object of names with texts or arrays of texts: look at what the receiver passes."},
    Reason{reason::header_missing, "A header that the scheme needs did not come: either the sender is not the "
                                   "provider, or a proxy takes it away."},
    Reason{reason::header_doubled, "A header that the scheme needs came twice, so that nobody knows which one counts."},
    Reason{reason::header_malformed, "A header that the scheme needs is no text, or holds control characters."},
    Reason{reason::header_too_large, "The headers, or one that the scheme needs, are larger than any provider's."},
    Reason{reason::token_malformed, "The token in the header is not of the form that the scheme prescribes."},
    Reason{reason::wrong_algorithm, "The message names another algorithm than the one that the scheme prescribes."},
    Reason{reason::wrong_version, "The message is signed by another version of the scheme."},
    Reason{reason::wrong_key_set, "The message names another key set than the one that the server has."},
    Reason{reason::key_id_malformed, "The message names no key, or in a way that no provider does."},
    Reason{reason::header_not_signed, "A header that has to be signed is not among the signed ones."},
    Reason{reason::path_missing,
           "The signature covers the path of the receiver, which was not told, or has no slash in front."},
    Reason{reason::key_missing, "There is no key and no secret to check it with: look at the user mapping."},
    Reason{reason::key_malformed, "The key is damaged, of another type, or no point of its curve."},
    Reason{reason::key_mismatch, "The key is not the one that the message names."},
    Reason{reason::key_expired, "The provider has withdrawn the key that the message is signed with."},
    Reason{reason::signature_malformed, "The signature is of another length or encoding than the scheme prescribes."},
    Reason{reason::wrong_signature,
           "The signature does not fit: another key or secret, or what it covers has been changed."},
    Reason{reason::wrong_body,
           "The body is not the one that was signed: it was changed, or read as JSON and written again on its way."},
    Reason{reason::time_malformed, "The time in the message is missing or cannot be read."},
    Reason{reason::too_old,
           "It was signed too long ago: a repetition of a captured one, or it waited before it was checked."},
    Reason{reason::in_the_future, "It was signed in the future: one of the clocks is wrong."},
    Reason{reason::source_unknown,
           "The server has webhook_sources, and the receiver does not tell where deliveries come from (remote_addr)."},
    Reason{reason::source_refused, "It came from an address that is not among the server's webhook_sources."},
    Reason{reason::body_too_large, "The body is larger than any provider's."},
    Reason{reason::body_malformed,
           "The signature is good, but the body is not of the form that the provider documents."},
    Reason{reason::wrong_environment, "It is from another environment of the provider than the server's."},
    Reason{reason::key_unknown, "The provider knows no key of the id that the message names: it is forged."},
    Reason{reason::too_many_keys, "Too many deliveries name unknown keys: the provider is asked about five a minute."},
    Reason{reason::key_not_fetched, "The key is not known here, and the provider could not be asked for it in time."},
    Reason{reason::key_ring_missing, "A sealed secret of the user mapping cannot be opened: look at the key ring."},
    Reason{reason::not_configured, "The server's options or its user mapping do not allow to check webhooks."},
    Reason{reason::not_stored, "It could not be stored: a read-only transaction, a standby, or see the server log."},
};

} // namespace

std::span<const Reason> all_reasons() noexcept {
	return kReasons;
}

std::string_view explain(std::string_view word) noexcept {
	for (const Reason &known : kReasons)
		if (known.word == word)
			return known.sentence;
	return {};
}

} // namespace ob::webhook

#include "core/pure.hpp"
