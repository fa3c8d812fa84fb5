#include "fields.hpp"

#include <algorithm>

#include "text.hpp"

namespace ob::sandbox {

namespace {

Field make(std::string name, Field::Type type) {
	Field field;
	field.name = std::move(name);
	field.type = type;
	return field;
}

std::string joined(const std::vector<std::string> &names) {
	std::string out;
	for (const std::string &name : names) {
		out.append(out.empty() ? "" : ", ").append(name);
	}
	return out;
}

const Field *find_field(const Schema &schema, const std::string &name) {
	const auto found = std::find_if(schema.begin(), schema.end(), [&](const Field &f) { return f.name == name; });
	return found == schema.end() ? nullptr : &*found;
}

// Calls `visit` for the object itself and every object below it that the schema describes.
template <typename Visit>
void walk(const Json &object, const Schema &schema, const std::string &prefix, const Visit &visit) {
	visit(object, schema, prefix);
	for (const Field &field : schema) {
		const Json value = object.get(field.name);
		if (field.type == Field::Type::object && value.is_object()) {
			walk(value, field.members, prefix + field.name + ".", visit);
		} else if (field.type == Field::Type::list && field.members.front().type == Field::Type::object) {
			std::size_t index = 0;
			for (const Json &element : value.elements()) {
				if (element.is_object()) {
					walk(element, field.members.front().members,
					     prefix + field.name + "[" + std::to_string(index) + "].", visit);
				}
				++index;
			}
		}
	}
}

[[noreturn]] void invalid(const std::string &name, const std::string &what) {
	throw FieldProblem{FieldProblem::Kind::invalid, name, what};
}

void check_value(const std::string &name, const Json &value, const Field &field);

void check_list(const std::string &name, const Json &value, const Field &field) {
	if (!value.is_array()) {
		invalid(name, "must be an array");
	}
	const auto elements = value.elements();
	const auto size = static_cast<std::int64_t>(elements.size());
	if (size < field.least || size > field.most) {
		invalid(name, "has " + std::to_string(size) + " elements, which is out of range");
	}
	std::size_t index = 0;
	for (const Json &element : elements) {
		check_value(name + "[" + std::to_string(index) + "]", element, field.members.front());
		++index;
	}
}

void check_string(const std::string &name, const Json &value, const Field &field) {
	if (!value.is_string()) {
		invalid(name, "must be a string");
	}
	const std::string text = value.text();
	const auto size = static_cast<std::int64_t>(text.size());
	if (size < field.least || size > field.most) {
		invalid(name, "has a length that is out of range");
	}
	if (!field.values.empty() && std::find(field.values.begin(), field.values.end(), text) == field.values.end()) {
		invalid(name, "is not one of the allowed values");
	}
	if (field.type == Field::Type::date && !parse_date(text)) {
		invalid(name, "must be a date of the form YYYY-MM-DD");
	}
	if (field.type == Field::Type::time && !parse_time(text)) {
		invalid(name, "must be a date-time in ISO 8601");
	}
	if (field.type == Field::Type::url && !is_url(text)) {
		invalid(name, "must be a URL");
	}
}

void check_value(const std::string &name, const Json &value, const Field &field) {
	if (value.is_null()) {
		if (!field.may_be_null) {
			invalid(name, "must not be null");
		}
		return;
	}
	switch (field.type) {
	case Field::Type::string:
	case Field::Type::date:
	case Field::Type::time:
	case Field::Type::url:
		check_string(name, value, field);
		break;
	case Field::Type::integer:
		if (!value.is_integer()) {
			invalid(name, "must be an integer");
		}
		if (value.integer() < field.least || value.integer() > field.most) {
			invalid(name, "must be between " + std::to_string(field.least) + " and " + std::to_string(field.most));
		}
		break;
	case Field::Type::number:
		if (!value.is_number()) {
			invalid(name, "must be a number");
		}
		break;
	case Field::Type::boolean:
		if (!value.is_boolean()) {
			invalid(name, "must be a boolean");
		}
		break;
	case Field::Type::object:
	case Field::Type::opaque_object:
		if (!value.is_object()) {
			invalid(name, "must be an object");
		}
		break;
	case Field::Type::list:
		check_list(name, value, field);
		break;
	}
}

} // namespace

Field string_field(std::string name) {
	return make(std::move(name), Field::Type::string);
}
Field date_field(std::string name) {
	return make(std::move(name), Field::Type::date);
}
Field time_field(std::string name) {
	return make(std::move(name), Field::Type::time);
}
Field url_field(std::string name) {
	return make(std::move(name), Field::Type::url);
}
Field integer_field(std::string name) {
	return make(std::move(name), Field::Type::integer);
}
Field number_field(std::string name) {
	return make(std::move(name), Field::Type::number);
}
Field boolean_field(std::string name) {
	return make(std::move(name), Field::Type::boolean);
}

Field object_field(std::string name, Schema members) {
	Field field = make(std::move(name), Field::Type::object);
	field.members = std::move(members);
	return field;
}

Field opaque_field(std::string name) {
	return make(std::move(name), Field::Type::opaque_object);
}

Field list_field(std::string name, Field element) {
	Field field = make(std::move(name), Field::Type::list);
	field.least = 0;
	field.members.push_back(std::move(element));
	return field;
}

Field strings_field(std::string name) {
	return list_field(std::move(name), string_field(""));
}

bool is_url(std::string_view text) {
	for (const std::string_view scheme : {"https://", "http://"}) {
		if (text.starts_with(scheme)) {
			const std::string_view rest = text.substr(scheme.size());
			return !rest.empty() && rest.front() != '/' && rest.find_first_of(" \t\r\n") == std::string_view::npos;
		}
	}
	return false;
}

std::optional<FieldProblem> problem_of(const Json &body, const Schema &schema) {
	std::vector<std::string> strange;
	std::vector<std::string> missing;
	walk(body, schema, "", [&](const Json &object, const Schema &fields, const std::string &prefix) {
		for (const auto &[name, value] : object.members()) {
			if (find_field(fields, name) == nullptr) {
				strange.push_back(prefix + name);
			}
		}
		for (const Field &field : fields) {
			if (field.is_required && !object.has(field.name.c_str())) {
				missing.push_back(prefix + field.name);
			}
		}
	});
	if (!strange.empty()) {
		return FieldProblem{FieldProblem::Kind::unknown, joined(strange), "is unknown"};
	}
	if (!missing.empty()) {
		return FieldProblem{FieldProblem::Kind::missing, joined(missing), "is required"};
	}
	try {
		walk(body, schema, "", [](const Json &object, const Schema &fields, const std::string &prefix) {
			for (const Field &field : fields) {
				if (object.has(field.name.c_str())) {
					check_value(prefix + field.name, object.get(field.name), field);
				}
			}
		});
	} catch (FieldProblem &problem) {
		return std::move(problem);
	}
	return std::nullopt;
}

} // namespace ob::sandbox
