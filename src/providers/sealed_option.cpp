#include "providers/sealed_option.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "providers/options.hpp"

#include "core/pure.hpp"

namespace ob::providers {

std::string seal_option(const crypto::KeyRing &keys, std::string_view server, std::string_view option,
                        std::string_view secret) {
	const OptionSpec *spec = find_option(OptionCatalog::user_mapping, option);
	if (!spec || !spec->secret)
		throw Error(ErrorCode::unknown_option, "\"" + std::string(option) + "\" is no secret option of a user mapping",
		            {}, "Secret options are client_secret, webhook_secret and their like.");
	if (server.empty())
		throw Error(ErrorCode::invalid_argument, "the name of the server is empty");
	if (text::split(secret).empty())
		throw Error(ErrorCode::invalid_argument, "the secret is empty");
	return crypto::to_text(crypto::seal(keys, secret, option_place(server, option)));
}

std::string option_place(std::string_view server, std::string_view option) {
	return crypto::associated({"user mapping", server, option});
}

} // namespace ob::providers

#include "core/pure.hpp"
