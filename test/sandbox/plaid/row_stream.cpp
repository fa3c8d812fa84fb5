// /_control/plaid/rows: the live rows as lines, to compare tables with and to fill them by COPY.
#include "steering.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::size_t kPiece = 256UL * 1024; // one takes the simulator for about a millisecond

const std::vector<std::string> kUsualColumns = {"transaction_id",    "account_id", "date", "amount",
                                                "iso_currency_code", "pending",    "name"};

// One field in PostgreSQL's COPY text format.
void append_field(std::string &out, std::string_view text) {
	for (const char c : text) {
		switch (c) {
		case '\\':
			out.append("\\\\");
			break;
		case '\n':
			out.append("\\n");
			break;
		case '\r':
			out.append("\\r");
			break;
		case '\t':
			out.append("\\t");
			break;
		default:
			out.push_back(c);
		}
	}
}

// A member of an object, or of objects in it: location.city. Strings lose their quotes, null and absent are \N.
void append_member(std::string &out, std::string_view object, std::string_view path) {
	const std::size_t dot = path.find('.');
	const std::string_view value = raw_member(object, path.substr(0, dot));
	if (dot != std::string_view::npos && value.starts_with('{')) {
		append_member(out, value, path.substr(dot + 1));
	} else if (dot != std::string_view::npos || value.empty() || value == "null") {
		out.append("\\N");
	} else if (value.starts_with('"')) {
		append_field(out, decode_string(value));
	} else {
		append_field(out, value);
	}
}

/// Where the stream is, and what it writes.
struct Stream {
	State *state = nullptr;
	std::string item_id; ///< empty: all
	bool json = false;
	bool original_description = false;
	std::vector<std::string> columns;
	std::size_t item = 0; ///< position in the ledger
	std::uint32_t index = 0;

	void append_line(std::string &out, const Item &from, const std::string &row) const;
	[[nodiscard]] std::string next();
};

void Stream::append_line(std::string &out, const Item &from, const std::string &row) const {
	if (json) {
		out.append(row).push_back('\n');
		return;
	}
	const std::size_t begin = out.size();
	for (const std::string &column : columns) {
		out.append(out.size() == begin ? "" : "\t");
		if (column == "item_id") {
			append_field(out, from.id);
		} else if (column == "raw") {
			append_field(out, row);
		} else {
			append_member(out, row, column);
		}
	}
	out.push_back('\n');
}

std::string Stream::next() {
	std::string out;
	for (; item < state->ledger.items().size(); ++item, index = 0) {
		const Item &from = state->ledger.items()[item];
		if (!item_id.empty() && from.id != item_id) {
			continue;
		}
		while (const auto at = from.transactions.at_or_after(index)) {
			index = *at + 1;
			if (!from.transactions.state(*at).live()) {
				continue;
			}
			std::string row;
			from.transactions.append_to(row, *at, original_description);
			append_line(out, from, row);
			if (out.size() >= kPiece) {
				return out;
			}
		}
	}
	return out;
}

} // namespace

std::function<std::string()> stream_rows(State &state, const std::string &body) {
	const Command command(body, {"item_id", "access_token", "format", "columns", "original_description"});
	auto stream = std::make_shared<Stream>();
	stream->state = &state;
	if (command.body.has("item_id") || command.body.has("access_token")) {
		stream->item_id = item_of(state, command).id;
	}
	const std::string format = command.text("format", "copy");
	if (format != "copy" && format != "json") {
		throw ControlError{"format must be copy or json"};
	}
	stream->json = format == "json";
	stream->original_description = command.body.truth_of("original_description");
	stream->columns = command.body.has("columns") ? command.body.get("columns").texts() : kUsualColumns;
	if (stream->columns.empty()) {
		throw ControlError{"columns must be a list of names"};
	}
	return [stream] { return stream->next(); };
}

} // namespace ob::sandbox::plaid
